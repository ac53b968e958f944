//! Clients: the people and companies that an account sells to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{Change, Entity, FieldError, Id, OneOf, Permission, Person, User, Validate, Validator};

text_enum! {
    /// Whether a client is a natural person or an organisation.
    pub enum ClientKind {
        /// A natural person.
        Person = "person",
        /// An organisation.
        #[default]
        Company = "company",
    }
}

text_enum! {
    /// Where a client stands.
    pub enum ClientStatus {
        /// Not yet a customer.
        #[default]
        Lead = "lead",
        /// A customer.
        Active = "active",
        /// No longer a customer.
        Inactive = "inactive",
    }
}

/// A client as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Client {
    /// Identifier, chosen by the server.
    pub id: Id<Client>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// Full or company name.
    pub name: String,
    /// Person or company.
    pub kind: ClientKind,
    /// E-mail address, in lower case.
    pub email: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// `http` or `https` address.
    pub website: Option<String>,
    /// Postal address, one or several lines.
    pub address: Option<String>,
    /// Where the client stands.
    pub status: ClientStatus,
    /// Labels, without duplicates, in the order given.
    pub tags: Vec<String>,
    /// Free text.
    pub notes: Option<String>,
    /// The member whose client it is.
    pub owner_id: Option<Id<User>>,
    /// 1 when created, one more at each change. Also the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it; absent if a job without a user did.
    pub created_by: Option<Id<User>>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived, which takes it out of lists.
    pub archived_at: Option<Timestamp>,
}

/// A client to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Its identifier in another system, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// Full or company name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// Person or company; a company if absent.
    #[serde(default)]
    pub kind: ClientKind,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Option<String>,
    /// Phone number, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Option<String>,
    /// `http` or `https` address, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::WebAddress>"))]
    pub website: Option<String>,
    /// Postal address, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub address: Option<String>,
    /// Where the client stands; a lead if absent.
    #[serde(default)]
    pub status: ClientStatus,
    /// Up to 50 labels of up to 50 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Labels"))]
    pub tags: Vec<String>,
    /// Free text, up to 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub notes: Option<String>,
    /// The member whose client it is. If absent, whoever creates it; when it is
    /// replaced, it stays with whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

impl NewClient {
    /// A client with this name and nothing else.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The fields of a client to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientPatch {
    /// New identifier in another system.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
    /// New kind; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "ClientKind"))]
    pub kind: Change<ClientKind>,
    /// New e-mail address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Change<String>,
    /// New phone number.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Change<String>,
    /// New web address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::WebAddress>"))]
    pub website: Change<String>,
    /// New postal address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub address: Change<String>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "ClientStatus"))]
    pub status: Change<ClientStatus>,
    /// The whole new list of labels; `null` means none.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Labels>"))]
    pub tags: Change<Vec<String>>,
    /// New notes.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub notes: Change<String>,
    /// New owner: a member, or nobody.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_id: Change<Id<User>>,
}

filters! {
    /// Which clients a list shows.
    pub struct ClientFilter of Client {
        /// Any of these.
        status: OneOf<ClientStatus>,
        /// Person or company.
        kind: OneOf<ClientKind>,
        /// Any of these names, whole.
        name: OneOf<String>,
        /// Any of these addresses, in lower case.
        email: OneOf<String>,
        /// Any of these numbers, as they were given.
        phone: OneOf<String>,
        /// Any of these owners.
        owner_id: OneOf<Id<User>>,
    }
}

impl Entity for Client {
    type New = NewClient;
    type Patch = ClientPatch;
    type Filter = ClientFilter;

    const TO_READ: Permission = Permission::ClientRead;
    const TO_WRITE: Permission = Permission::ClientWrite;
    const TO_DELETE: Permission = Permission::ClientDelete;
    const COLLECTION: &'static str = "clients";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "name",
        "kind",
        "email",
        "phone",
        "website",
        "address",
        "status",
        "tags",
        "notes",
        "owner_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "name"];

    fn example(number: u32) -> NewClient {
        NewClient {
            external_id: Some(format!("crm-{number}")),
            email: Some("office@babbage.example".to_owned()),
            phone: Some("+44 20 7946 0018".to_owned()),
            website: Some("https://babbage.example".to_owned()),
            address: Some("1 Dorset Street\nLondon".to_owned()),
            status: ClientStatus::Active,
            tags: vec!["engines".to_owned(), "london".to_owned()],
            notes: Some("Prefers to be written to.".to_owned()),
            ..NewClient::named("Babbage & Sons")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Person for Client {
    const ERASED: &'static str = "Erased client";
}

impl Validate for NewClient {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.text("name", &self.name, 1, NAME_MAX);
        optional_fields(
            &mut check,
            self.external_id.as_deref(),
            self.email.as_deref(),
            self.phone.as_deref(),
            self.website.as_deref(),
            self.address.as_deref(),
            self.notes.as_deref(),
        );
        check.labels("tags", &self.tags);
        check.finish()
    }
}

impl Validate for ClientPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        check.not_cleared("kind", &self.kind);
        check.not_cleared("status", &self.status);
        if let Some(name) = self.name.value() {
            check.text("name", name, 1, NAME_MAX);
        }
        optional_fields(
            &mut check,
            self.external_id.value().map(String::as_str),
            self.email.value().map(String::as_str),
            self.phone.value().map(String::as_str),
            self.website.value().map(String::as_str),
            self.address.value().map(String::as_str),
            self.notes.value().map(String::as_str),
        );
        if let Some(tags) = self.tags.value() {
            check.labels("tags", tags);
        }
        check.finish()
    }
}

const NAME_MAX: usize = 200;

fn optional_fields(
    check: &mut Validator,
    external_id: Option<&str>,
    email: Option<&str>,
    phone: Option<&str>,
    website: Option<&str>,
    address: Option<&str>,
    notes: Option<&str>,
) {
    if let Some(external_id) = external_id {
        check.code("external_id", external_id, 100);
    }
    if let Some(email) = email {
        check.email("email", email);
    }
    if let Some(phone) = phone {
        check.phone("phone", phone);
    }
    if let Some(website) = website {
        check.web_address("website", website);
    }
    if let Some(address) = address {
        check.text("address", address, 1, 500);
    }
    if let Some(notes) = notes {
        check.text("notes", notes, 1, 10_000);
    }
}
