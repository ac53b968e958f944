//! HAProxy and nginx in front of a server, as people put them there.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::component::installed;
use crate::process::eventually;
use crate::wire::Wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    /// Which speaks HTTP/2 with the server.
    HaProxyHttp2,
    Nginx,
}

/// A running proxy. It is killed when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Proxy {
    /// One that keeps connections to the server and shares them among its callers.
    /// With a token it shows that in the place of whatever its callers show.
    pub(crate) async fn start(kind: Kind, server: SocketAddr, token: Option<&str>) -> Option<Self> {
        let program = installed(match kind {
            Kind::HaProxy | Kind::HaProxyHttp2 => "haproxy",
            Kind::Nginx => "nginx",
        })?;
        let folder = tempfile::tempdir().unwrap();
        // Taken by nobody a moment ago.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let file = folder.path().join("proxy.conf");
        let mut command = Command::new(program);
        match kind {
            Kind::HaProxy | Kind::HaProxyHttp2 => {
                let protocol = if kind == Kind::HaProxy { "h1" } else { "h2" };
                fs::write(&file, haproxy(address, server, protocol, token)).unwrap();
                command.arg("-db").arg("-f").arg(&file);
            }
            Kind::Nginx => {
                fs::write(&file, nginx(address, server, token)).unwrap();
                command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(&file);
            }
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut proxy = Self { address, child, _folder: folder };
        proxy.listens().await;
        Some(proxy)
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(self.address).await
    }

    async fn listens(&mut self) {
        let connects = || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(self._folder.path().join("log")).unwrap();
                panic!("the proxy ended with {status}: {log}");
            }
            std::net::TcpStream::connect(self.address).is_ok()
        };
        eventually("the proxy listens", connects).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn haproxy(address: SocketAddr, server: SocketAddr, protocol: &str, token: Option<&str>) -> String {
    let shown = token
        .map(|token| format!("    http-request set-header authorization \"Bearer {token}\"\n"));
    format!(
        "global\n\
         \x20   maxconn 100\n\
         defaults\n\
         \x20   mode http\n\
         \x20   timeout connect 5s\n\
         \x20   timeout client 60s\n\
         \x20   timeout server 60s\n\
         frontend callers\n\
         \x20   bind {address}\n\
         \x20   option forwardfor\n{}\
         \x20   default_backend nexo\n\
         backend nexo\n\
         \x20   http-reuse always\n\
         \x20   server one {server} proto {protocol}\n",
        shown.unwrap_or_default()
    )
}

/// One process, and so one that is stopped by its id. It keeps nothing on disk.
fn nginx(address: SocketAddr, server: SocketAddr, token: Option<&str>) -> String {
    let shown = token.map(|token| format!("proxy_set_header Authorization \"Bearer {token}\";"));
    format!(
        "daemon off;\n\
         master_process off;\n\
         pid nginx.pid;\n\
         events {{ worker_connections 200; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
           upstream nexo {{ server {server}; keepalive 8; }}\n\
           server {{\n\
             listen {address};\n\
             location / {{\n\
               proxy_pass http://nexo;\n\
               proxy_http_version 1.1;\n\
               proxy_set_header Connection \"\";\n\
               proxy_set_header Host $http_host;\n\
               proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
               proxy_request_buffering off;\n\
               proxy_buffering off;\n\
               {}\n\
             }}\n\
           }}\n\
         }}\n",
        shown.unwrap_or_default()
    )
}
