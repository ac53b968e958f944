//! The description of the interface, made from the route table and the wire
//! types: an OpenAPI 3.1 document, and a page to read.

mod components;
mod document;
mod errors;
mod headers;
mod links;
mod page;
pub(crate) mod query;
mod schemas;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderValue;

pub(crate) use schemas::{object, page_of};

/// The media types of lists as files.
pub(crate) const SHEETS: &[&str] =
    &["text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"];

/// Something that stays the same while the program runs.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
}

impl Fixed {
    fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        // Two servers of one version agree on it: this hasher has no secret.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish()))
            .expect("digits and quotes are header text");
        Self { bytes, tag }
    }
}

/// The OpenAPI document. Made when it is first asked for, which most servers
/// never are.
pub(crate) fn openapi() -> &'static Fixed {
    static DOCUMENT: LazyLock<Fixed> = LazyLock::new(|| {
        let text = serde_json::to_vec(document::document()).expect("JSON always serialises");
        Fixed::new(text)
    });
    &DOCUMENT
}

/// The page.
pub(crate) fn page() -> &'static Fixed {
    static PAGE: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(page::render(document::document())));
    &PAGE
}

/// How the page looks.
pub(crate) fn style() -> &'static Fixed {
    static STYLE: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(include_str!("page/docs.css")));
    &STYLE
}
