//! One believable body for each route that reads one.

use nexo_core::model::{
    Batch, BatchMode, BatchOperation, Entity, LoginRequest, NewImport, PasswordChange,
    ProfilePatch, RefreshRequest, RegisterRequest,
};
use serde::Serialize;
use serde_json::Value;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "wooden engines weave numbers";

pub(crate) fn register(_: u32) -> Value {
    json(&RegisterRequest {
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        name: "Ada".to_owned(),
        account_name: "Engines".to_owned(),
    })
}

pub(crate) fn login(_: u32) -> Value {
    json(&LoginRequest { email: EMAIL.to_owned(), password: PASSWORD.to_owned() })
}

pub(crate) fn refresh(_: u32) -> Value {
    json(&RefreshRequest { refresh_token: "nxr_…".to_owned() })
}

pub(crate) fn profile(_: u32) -> Value {
    json(&ProfilePatch { name: "Ada, Countess of Lovelace".to_owned().into() })
}

pub(crate) fn password(_: u32) -> Value {
    json(&PasswordChange {
        current_password: PASSWORD.to_owned(),
        new_password: "punched cards in a drawer".to_owned(),
    })
}

/// For creating and for replacing; and, since it names every field, as a patch.
pub(crate) fn entity<T: Entity>(number: u32) -> Value {
    json(&T::example(number))
}

/// A batch of one.
pub(crate) fn batch<T: Entity>(number: u32) -> Value {
    let operations = vec![BatchOperation::<T>::Create { record: T::example(number) }];
    json(&Batch { mode: BatchMode::Each, operations })
}

/// A file of clients.
pub(crate) const FILE: &[u8] = b"external_id,name\nc-1,Babbage & Sons\n";

/// An import of that file.
pub(crate) fn import(_: u32) -> Value {
    json(&NewImport::csv("clients", FILE.len() as u64))
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("wire types always serialise")
}
