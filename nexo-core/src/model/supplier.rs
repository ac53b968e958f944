//! Suppliers: whom an account buys from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{
    Change, Entity, FieldError, Id, OneOf, Permission, Person, User, Validate, Validator, Within,
};

text_enum! {
    /// Where a supplier stands.
    pub enum SupplierStatus {
        /// Bought from.
        #[default]
        Active = "active",
        /// Not bought from yet.
        Prospective = "prospective",
        /// No longer bought from.
        Inactive = "inactive",
        /// Not to be bought from.
        Blocked = "blocked",
    }
}

/// A supplier as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Supplier {
    /// Identifier, chosen by the server.
    pub id: Id<Supplier>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// Company name.
    pub company: String,
    /// What they supply.
    pub category: Option<String>,
    /// Whom to ask for.
    pub contact_person: Option<String>,
    /// E-mail address, in lower case.
    pub email: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// Postal address, one or several lines.
    pub address: Option<String>,
    /// Tax identifier.
    pub tax_id: Option<String>,
    /// When they are paid.
    pub payment_terms: Option<String>,
    /// Rating, 1 (poor) to 5 (excellent).
    pub rating: Option<i16>,
    /// Where the supplier stands.
    pub status: SupplierStatus,
    /// The member whose supplier it is.
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

/// A supplier to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSupplier {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// Company name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub company: String,
    /// What they supply, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub category: Option<String>,
    /// Whom to ask for, up to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 200>>"))]
    pub contact_person: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Option<String>,
    /// Phone number, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Option<String>,
    /// Postal address, one or several lines, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub address: Option<String>,
    /// Tax identifier, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<40>>"))]
    pub tax_id: Option<String>,
    /// When they are paid, up to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 200>>"))]
    pub payment_terms: Option<String>,
    /// Rating, 1 (poor) to 5 (excellent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Whole<1, 5>>"))]
    pub rating: Option<i16>,
    /// Where the supplier stands; `active` if absent.
    #[serde(default)]
    pub status: SupplierStatus,
    /// The member whose supplier it is. If absent, whoever creates it; when it is
    /// replaced, it stays with whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

impl NewSupplier {
    /// A supplier with this company and nothing else.
    #[must_use]
    pub fn named(company: impl Into<String>) -> Self {
        Self { company: company.into(), ..Self::default() }
    }
}

/// The fields of a supplier to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SupplierPatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New company; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub company: Change<String>,
    /// New category.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub category: Change<String>,
    /// New contact person.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 200>>"))]
    pub contact_person: Change<String>,
    /// New email.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Change<String>,
    /// New phone.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Change<String>,
    /// New address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub address: Change<String>,
    /// New tax id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<40>>"))]
    pub tax_id: Change<String>,
    /// New payment terms.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 200>>"))]
    pub payment_terms: Change<String>,
    /// New rating.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Whole<1, 5>>"))]
    pub rating: Change<i16>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "SupplierStatus"))]
    pub status: Change<SupplierStatus>,
    /// New owner: a member, or nobody.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_id: Change<Id<User>>,
}

filters! {
    /// Which suppliers a list shows.
    pub struct SupplierFilter of Supplier {
        /// Any of these.
        status: OneOf<SupplierStatus>,
        /// Any of these categories, whole.
        category: OneOf<String>,
        /// Any of these names, whole.
        company: OneOf<String>,
        /// Any of these addresses, in lower case.
        email: OneOf<String>,
        /// Any of these tax identifiers.
        tax_id: OneOf<String>,
        /// Ratings within these.
        rating: Within<i16>,
        /// Any of these owners.
        owner_id: OneOf<Id<User>>,
    }
}

impl Entity for Supplier {
    type New = NewSupplier;
    type Patch = SupplierPatch;
    type Filter = SupplierFilter;

    const TO_READ: Permission = Permission::SupplierRead;
    const TO_WRITE: Permission = Permission::SupplierWrite;
    const TO_DELETE: Permission = Permission::SupplierDelete;
    const COLLECTION: &'static str = "suppliers";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "company",
        "category",
        "contact_person",
        "email",
        "phone",
        "address",
        "tax_id",
        "payment_terms",
        "rating",
        "status",
        "owner_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "company"];

    fn example(number: u32) -> NewSupplier {
        NewSupplier {
            external_id: Some(format!("crm-{number}")),
            category: Some("Brass parts".to_owned()),
            contact_person: Some("Joseph Clement".to_owned()),
            email: Some("works@clement.example".to_owned()),
            phone: Some("+44 20 7946 0155".to_owned()),
            address: Some("21 Prospect Place\nLondon".to_owned()),
            tax_id: Some("GB123456789".to_owned()),
            payment_terms: Some("30 days net".to_owned()),
            rating: Some(4),
            ..NewSupplier::named("Clement & Sons")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Person for Supplier {
    const ERASED: &'static str = "Erased supplier";
}

impl Validate for NewSupplier {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said {
            external_id: self.external_id.as_deref(),
            company: Some(&self.company),
            category: self.category.as_deref(),
            contact_person: self.contact_person.as_deref(),
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            address: self.address.as_deref(),
            tax_id: self.tax_id.as_deref(),
            payment_terms: self.payment_terms.as_deref(),
            rating: self.rating,
        }
        .check(&mut check);
        check.finish()
    }
}

impl Validate for SupplierPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("company", &self.company);
        check.not_cleared("status", &self.status);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            company: self.company.value().map(String::as_str),
            category: self.category.value().map(String::as_str),
            contact_person: self.contact_person.value().map(String::as_str),
            email: self.email.value().map(String::as_str),
            phone: self.phone.value().map(String::as_str),
            address: self.address.value().map(String::as_str),
            tax_id: self.tax_id.value().map(String::as_str),
            payment_terms: self.payment_terms.value().map(String::as_str),
            rating: self.rating.value().copied(),
        }
        .check(&mut check);
        check.finish()
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    company: Option<&'a str>,
    category: Option<&'a str>,
    contact_person: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    address: Option<&'a str>,
    tax_id: Option<&'a str>,
    payment_terms: Option<&'a str>,
    rating: Option<i16>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(company) = self.company {
            check.text("company", company, 1, 200);
        }
        if let Some(category) = self.category {
            check.text("category", category, 1, 100);
        }
        if let Some(contact_person) = self.contact_person {
            check.text("contact_person", contact_person, 1, 200);
        }
        if let Some(email) = self.email {
            check.email("email", email);
        }
        if let Some(phone) = self.phone {
            check.phone("phone", phone);
        }
        if let Some(address) = self.address {
            check.text("address", address, 1, 500);
        }
        if let Some(tax_id) = self.tax_id {
            check.code("tax_id", tax_id, 40);
        }
        if let Some(payment_terms) = self.payment_terms {
            check.text("payment_terms", payment_terms, 1, 200);
        }
        if let Some(rating) = self.rating {
            check.whole("rating", rating, 1..=5);
        }
    }
}
