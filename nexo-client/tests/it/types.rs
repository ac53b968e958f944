//! What the types promise; to compile is to pass.

use nexo_client::model::{Client, ClientPatch, Id, ListParams, NewClient, ProfilePatch};
use nexo_client::{Builder, Error, Method, Nexo, Request, Resource, Result, Rows, Session};

use crate::world::registration;

fn send<T: Send>(_: T) {}
fn shared<T: Send + Sync + 'static>() {}

#[test]
fn handles_can_be_shared() {
    shared::<Nexo>();
    shared::<Resource<Client>>();
    shared::<Session>();
    shared::<Error>();
    send::<Option<(Builder, Request, Rows<Client>)>>(None);
}

#[test]
fn futures_can_be_spawned() {
    let nexo = Nexo::new("http://127.0.0.1:1").expect("a usable address");
    let (clients, id) = (nexo.clients(), Id::<Client>::new());
    let (new, patch) = (NewClient::named("Acme"), ClientPatch::default());
    send(nexo.register(&registration("ada")));
    send(nexo.login("", ""));
    send(nexo.logout());
    send(nexo.logout_everywhere());
    send(nexo.profile());
    send(nexo.update_profile(&ProfilePatch::default()));
    send(nexo.change_password("", ""));
    send(nexo.sign_in_providers());
    send(nexo.start_sign_in("", ""));
    send(nexo.external_identities());
    send(nexo.unlink_identity(Id::new()));
    send(nexo.health());
    send(nexo.get::<()>("/", &[]));
    send(nexo.post::<_, ()>("/", &new));
    send(nexo.request(Method::GET, "/").send::<()>());
    send(clients.create(&new));
    send(clients.get(id));
    send(clients.list(&ListParams::default()));
    send(clients.replace(id, &new));
    send(clients.patch(id, &patch));
    send(clients.delete(id));
    send(clients.if_version(1).replace(id, &new));
    send(clients.if_version(1).patch(id, &patch));
    send(clients.if_version(1).delete(id));
    send(clients.stream(ListParams::default()).next());
    send(clients.stream(ListParams::default()).into_vec());
}

#[test]
fn errors_fit_into_errors() {
    fn boxed() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let result: Result<()> = Err(Nexo::new("nothing").expect_err("no address"));
        Ok(result?)
    }
    assert!(boxed().is_err());
}
