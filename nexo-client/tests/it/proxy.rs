//! A TCP proxy that counts requests and, when told to, loses or holds replies.
//!
//! It knows as much HTTP as it needs: heads, and bodies with `Content-Length`
//! or in chunks, which is all that the SDK and the server send.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The request lines that came, without the HTTP version.
    seen: Mutex<Vec<String>>,
    rules: Mutex<Vec<Rule>>,
}

struct Rule {
    prefix: String,
    left: usize,
    action: Action,
}

#[derive(Clone)]
enum Action {
    /// The server answers, and the connection breaks before the answer leaves.
    Lose,
    /// The server answers, and the answer waits.
    Hold(Arc<Gates>),
}

struct Gates {
    answered: Semaphore,
    released: Semaphore,
}

/// An answer that the proxy holds.
pub(crate) struct Held(Arc<Gates>);

impl Held {
    /// Waits until the server has answered, so that it has done its work.
    pub(crate) async fn answered(&self) {
        self.0.answered.acquire().await.unwrap().forget();
    }

    /// Lets the answer go.
    pub(crate) fn release(&self) {
        self.0.released.add_permits(1);
    }
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, upstream, Arc::clone(&state)));
            }
        });
        Self { url, shared }
    }

    /// How many requests came whose line begins with this: `POST /api/auth`.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.shared.seen.lock().unwrap().iter().filter(|line| line.starts_with(prefix)).count()
    }

    /// Forgets what came.
    pub(crate) fn reset(&self) {
        self.shared.seen.lock().unwrap().clear();
    }

    /// Loses the answers of the next `times` requests whose line begins so.
    pub(crate) fn lose(&self, prefix: &str, times: usize) {
        self.add(prefix, times, Action::Lose);
    }

    /// Holds the answer of the next request whose line begins so.
    pub(crate) fn hold(&self, prefix: &str) -> Held {
        let gates = Gates { answered: Semaphore::new(0), released: Semaphore::new(0) };
        let gates = Arc::new(gates);
        self.add(prefix, 1, Action::Hold(Arc::clone(&gates)));
        Held(gates)
    }

    fn add(&self, prefix: &str, left: usize, action: Action) {
        self.shared.rules.lock().unwrap().push(Rule { prefix: prefix.to_owned(), left, action });
    }
}

impl Shared {
    /// Notes a request and takes what is to happen to its answer.
    fn note(&self, line: &str) -> Option<Action> {
        self.seen.lock().unwrap().push(line.to_owned());
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && line.starts_with(&rule.prefix))?;
        rule.left -= 1;
        Some(rule.action.clone())
    }
}

async fn serve(mut client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>) -> Option<()> {
    let mut server = TcpStream::connect(upstream).await.ok()?;
    loop {
        let request = read_message(&mut client).await?;
        let line = request.split(|byte| *byte == b'\r').next()?;
        let line = String::from_utf8_lossy(line).replace(" HTTP/1.1", "");
        let action = shared.note(&line);
        server.write_all(&request).await.ok()?;
        let reply = read_message(&mut server).await?;
        match action {
            // Returning closes both connections.
            Some(Action::Lose) => return None,
            Some(Action::Hold(gates)) => {
                gates.answered.add_permits(1);
                gates.released.acquire().await.ok()?.forget();
            }
            None => {}
        }
        client.write_all(&reply).await.ok()?;
    }
}

/// One head with its body; `None` when the connection ends.
async fn read_message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while !message.ends_with(b"\r\n\r\n") {
        message.push(from.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&message).to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        // No chunk of these tests holds what ends them all.
        while !message.ends_with(b"\r\n0\r\n\r\n") {
            message.push(from.read_u8().await.ok()?);
        }
        return Some(message);
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let body = message.len();
    message.resize(body + length, 0);
    from.read_exact(&mut message[body..]).await.ok()?;
    Some(message)
}
