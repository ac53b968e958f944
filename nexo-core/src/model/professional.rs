//! Professionals: people from outside who work for an account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{
    Change, Decimal, Entity, FieldError, Id, OneOf, Permission, Person, User, Validate, Validator,
    Within,
};

text_enum! {
    /// Whether a professional can be asked.
    pub enum Availability {
        /// Has time.
        #[default]
        Available = "available",
        /// Has some time.
        PartlyAvailable = "partly_available",
        /// Has no time.
        Unavailable = "unavailable",
    }
}

text_enum! {
    /// Whether an account works with a professional.
    pub enum ProfessionalStatus {
        /// Worked with.
        #[default]
        Active = "active",
        /// No longer worked with.
        Inactive = "inactive",
    }
}

/// A professional as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Professional {
    /// Identifier, chosen by the server.
    pub id: Id<Professional>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// Full name.
    pub name: String,
    /// What they are best at.
    pub specialty: Option<String>,
    /// Labels, without duplicates, in the order given.
    pub skills: Vec<String>,
    /// Price of an hour.
    pub hourly_rate: Option<Decimal>,
    /// Currency of the price (ISO 4217); given if and only if the price is.
    pub currency: Option<String>,
    /// Whether they can be asked.
    pub availability: Availability,
    /// E-mail address, in lower case.
    pub email: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// `http` or `https` address of their work.
    pub portfolio: Option<String>,
    /// Whether the account works with them.
    pub status: ProfessionalStatus,
    /// The member whose professional it is.
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

/// A professional to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewProfessional {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// Full name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// What they are best at, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub specialty: Option<String>,
    /// Up to 50 labels of up to 50 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Labels"))]
    pub skills: Vec<String>,
    /// Price of an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub hourly_rate: Option<Decimal>,
    /// Currency of the price (ISO 4217); given if and only if the price is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Currency>"))]
    pub currency: Option<String>,
    /// Whether they can be asked; `available` if absent.
    #[serde(default)]
    pub availability: Availability,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Option<String>,
    /// Phone number, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Option<String>,
    /// `http` or `https` address of their work, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::WebAddress>"))]
    pub portfolio: Option<String>,
    /// Whether the account works with them; `active` if absent.
    #[serde(default)]
    pub status: ProfessionalStatus,
    /// The member whose professional it is. If absent, whoever creates it; when it is
    /// replaced, it stays with whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

impl NewProfessional {
    /// A professional with this name and nothing else.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The fields of a professional to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProfessionalPatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
    /// New specialty.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub specialty: Change<String>,
    /// The whole new list of skills; `null` means none.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Labels>"))]
    pub skills: Change<Vec<String>>,
    /// New hourly rate.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub hourly_rate: Change<Decimal>,
    /// New currency.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Currency>"))]
    pub currency: Change<String>,
    /// New availability; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Availability"))]
    pub availability: Change<Availability>,
    /// New email.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Change<String>,
    /// New phone.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Change<String>,
    /// New portfolio.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::WebAddress>"))]
    pub portfolio: Change<String>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "ProfessionalStatus"))]
    pub status: Change<ProfessionalStatus>,
    /// New owner: a member, or nobody.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_id: Change<Id<User>>,
}

filters! {
    /// Which professionals a list shows.
    pub struct ProfessionalFilter of Professional {
        /// Any of these.
        status: OneOf<ProfessionalStatus>,
        /// Any of these.
        availability: OneOf<Availability>,
        /// Any of these, whole.
        specialty: OneOf<String>,
        /// Paid in any of these.
        currency: OneOf<String>,
        /// Any of these names, whole.
        name: OneOf<String>,
        /// Any of these addresses, in lower case.
        email: OneOf<String>,
        /// Prices within these, whatever the currency.
        hourly_rate: Within<Decimal>,
        /// Any of these owners.
        owner_id: OneOf<Id<User>>,
    }
}

impl Entity for Professional {
    type New = NewProfessional;
    type Patch = ProfessionalPatch;
    type Filter = ProfessionalFilter;

    const TO_READ: Permission = Permission::ProfessionalRead;
    const TO_WRITE: Permission = Permission::ProfessionalWrite;
    const TO_DELETE: Permission = Permission::ProfessionalDelete;
    const COLLECTION: &'static str = "professionals";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "name",
        "specialty",
        "skills",
        "hourly_rate",
        "currency",
        "availability",
        "email",
        "phone",
        "portfolio",
        "status",
        "owner_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "name"];

    fn example(number: u32) -> NewProfessional {
        NewProfessional {
            external_id: Some(format!("crm-{number}")),
            specialty: Some("Translation".to_owned()),
            skills: vec!["french".to_owned(), "italian".to_owned()],
            hourly_rate: Some(Decimal::from(95)),
            currency: Some("EUR".to_owned()),
            email: Some("letters@menabrea.example".to_owned()),
            phone: Some("+39 011 555 0199".to_owned()),
            portfolio: Some("https://menabrea.example".to_owned()),
            ..NewProfessional::named("Luigi Menabrea")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Person for Professional {
    const ERASED: &'static str = "Erased professional";
}

impl Validate for NewProfessional {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said {
            external_id: self.external_id.as_deref(),
            name: Some(&self.name),
            specialty: self.specialty.as_deref(),
            skills: Some(&self.skills),
            hourly_rate: self.hourly_rate,
            currency: self.currency.as_deref(),
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            portfolio: self.portfolio.as_deref(),
        }
        .check(&mut check);
        check.money(
            ("hourly_rate", self.hourly_rate.is_some()),
            ("currency", self.currency.is_some()),
        );
        check.finish()
    }
}

impl Validate for ProfessionalPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        check.not_cleared("availability", &self.availability);
        check.not_cleared("status", &self.status);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            name: self.name.value().map(String::as_str),
            specialty: self.specialty.value().map(String::as_str),
            skills: self.skills.value().map(Vec::as_slice),
            hourly_rate: self.hourly_rate.value().copied(),
            currency: self.currency.value().map(String::as_str),
            email: self.email.value().map(String::as_str),
            phone: self.phone.value().map(String::as_str),
            portfolio: self.portfolio.value().map(String::as_str),
        }
        .check(&mut check);
        check.finish()
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    name: Option<&'a str>,
    specialty: Option<&'a str>,
    skills: Option<&'a [String]>,
    hourly_rate: Option<Decimal>,
    currency: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    portfolio: Option<&'a str>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(name) = self.name {
            check.text("name", name, 1, 200);
        }
        if let Some(specialty) = self.specialty {
            check.text("specialty", specialty, 1, 100);
        }
        if let Some(skills) = self.skills {
            check.labels("skills", skills);
        }
        if let Some(hourly_rate) = self.hourly_rate {
            check.amount("hourly_rate", hourly_rate);
        }
        if let Some(currency) = self.currency {
            check.currency("currency", currency);
        }
        if let Some(email) = self.email {
            check.email("email", email);
        }
        if let Some(phone) = self.phone {
            check.phone("phone", phone);
        }
        if let Some(portfolio) = self.portfolio {
            check.web_address("portfolio", portfolio);
        }
    }
}
