//! A mail server on a socket, which keeps what it is sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexo_server::MailConfig;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One letter as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) content: String,
}

impl Received {
    /// The token in it.
    pub(crate) fn token(&self, prefix: &str) -> String {
        // Lines of quoted-printable go on after `=`.
        let text = self.content.replace("=\r\n", "");
        let at = text.find(prefix).unwrap_or_else(|| panic!("no {prefix} in {text}"));
        text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect()
    }
}

/// The server; it ends with the test's runtime.
pub(crate) struct Postbox {
    address: SocketAddr,
    letters: mpsc::UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Postbox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, letters) = mpsc::unbounded_channel();
        let answers = Arc::<Mutex<VecDeque<_>>>::default();
        let given = answers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, sender.clone(), given.clone()));
            }
        });
        Self { address, letters, answers }
    }

    /// Its URL, as `NEXO_SMTP_URL` has it.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(crate) fn config(&self) -> MailConfig {
        MailConfig::new(&self.url(), "NEXO <crm@example.com>").unwrap()
    }

    /// Answers the next letters so, before it takes any.
    pub(crate) fn answer(&self, answers: &[&'static str]) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Until all of those were given.
    pub(crate) async fn has_answered(&self) {
        while !self.answers.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(Duration::from_secs(30), self.letters.recv()).await;
        next.expect("no letter came").unwrap()
    }

    /// Those that have come and were not taken.
    pub(crate) fn left(&mut self) -> usize {
        let mut left = 0;
        while self.letters.try_recv().is_ok() {
            left += 1;
        }
        left
    }
}

async fn converse(
    stream: TcpStream,
    letters: mpsc::UnboundedSender<Received>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 postbox\r\n").await.ok()?;
    let (mut from, mut to) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await.ok()? {
        let mut answer = "250 fine".to_owned();
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => answer = "250-postbox\r\n250 8BITMIME".to_owned(),
            "MAIL" => rest.clone_into(&mut from),
            "RCPT" => rest.clone_into(&mut to),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut content = String::new();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    content.push_str(line.strip_prefix('.').unwrap_or(&line));
                    content.push_str("\r\n");
                }
                match answers.lock().unwrap().pop_front() {
                    Some(given) => given.clone_into(&mut answer),
                    None => {
                        let (from, to) = (from.clone(), to.clone());
                        letters.send(Received { from, to, content }).ok()?;
                    }
                }
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            _ => {}
        }
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
