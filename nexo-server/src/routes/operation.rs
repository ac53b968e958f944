//! What the documentation says of a route: data beside its handler.

use std::borrow::Cow;

use nexo_core::model::{ErrorCode, Permissions};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::examples::Sample;
use crate::respond::Success;

/// Names a schema, and makes it known to the generator.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A JSON body that is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    pub(crate) schema: SchemaOf,
    /// What its example is called.
    pub(crate) name: fn() -> Cow<'static, str>,
    pub(crate) example: fn() -> Value,
}

impl Body {
    pub(crate) fn of<B: Sample>() -> Self {
        Self { schema: schema::<B>, name: B::schema_name, example: sample::<B> }
    }
}

fn sample<B: Sample>() -> Value {
    serde_json::to_value(B::sample()).expect("wire types always serialise")
}

/// What a route is about, takes and answers. What follows from its method, its
/// path and who may call it is not told again.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Unique, and never changed: generated clients call their methods by it.
    pub(crate) id: Cow<'static, str>,
    /// A few words.
    pub(crate) summary: Cow<'static, str>,
    /// Sentences; empty if the summary says it all.
    pub(crate) description: Cow<'static, str>,
    pub(crate) tag: Tag,
    /// All that it needs.
    pub(crate) needs: Permissions,
    /// Whether a session is needed and an API key will not do.
    pub(crate) sessions_only: bool,
    /// Whether it is another path of an operation that is there already.
    pub(crate) is_short: bool,
    /// The query.
    pub(crate) query: Option<fn() -> Vec<Parameter>>,
    /// The JSON body.
    pub(crate) takes: Option<SchemaOf>,
    pub(crate) answer: Success,
    pub(crate) content: Content,
    /// Whether the answer has an `ETag`.
    pub(crate) is_versioned: bool,
    /// Whether `If-None-Match` is looked at.
    pub(crate) may_be_unmodified: bool,
    /// Whether `If-Match` is looked at.
    pub(crate) checks_version: bool,
    /// Whether the answer has a `Location`.
    pub(crate) is_located: bool,
    /// Whether `Idempotency-Key` is looked at.
    pub(crate) is_once: bool,
    /// Whether 503 may have the same body as 200.
    pub(crate) answers_when_unavailable: bool,
    /// The errors of its own.
    pub(crate) codes: Vec<ErrorCode>,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Body),
    /// A file of one of these media types.
    File(&'static [&'static str]),
    /// JSON, or a file if the query asks for one.
    JsonOrFile(Body, &'static [&'static str]),
}

/// A parameter of a query.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Value,
    pub(crate) is_required: bool,
    /// Whether several values stand in one parameter, between commas.
    pub(crate) has_commas: bool,
}

/// The groups of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Authentication,
    Session,
    SecondFactor,
    Identities,
    Settings,
    Roles,
    Members,
    Invitations,
    ApiKeys,
    Audit,
    Search,
    Dashboard,
    Imports,
    /// Of one collection.
    Records(&'static str),
    Server,
    /// The documentation itself, which can be turned off.
    Docs,
}

impl Tag {
    /// Its name, and what it is about.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Authentication => {
                ("Authentication", "Registering, logging in, and getting back in")
            }
            Self::Session => ("Session", "Who is logged in, to which account, and their own data"),
            Self::SecondFactor => ("Second factor", "Codes of an authenticator app"),
            Self::Identities => ("Identities", "Who a user is at OpenID Connect providers"),
            Self::Settings => ("Settings", "What holds for the whole account"),
            Self::Roles => ("Roles", "What members may do"),
            Self::Members => ("Members", "The users of the account"),
            Self::Invitations => ("Invitations", "Those who are asked to join"),
            Self::ApiKeys => ("API keys", "How programs act without anybody's password"),
            Self::Audit => ("Audit", "Who did what, and who could read it"),
            Self::Search => ("Search", "Records of all collections by their words"),
            Self::Dashboard => ("Dashboard", "What somebody sees first"),
            Self::Imports => ("Imports", "Records from CSV and XLSX files"),
            Self::Records("clients") => {
                ("Clients", "The people and companies that the account sells to")
            }
            Self::Records("departments") => ("Departments", "How the account is organised"),
            Self::Records("employees") => ("Employees", "The people who work in the account"),
            Self::Records("suppliers") => ("Suppliers", "Whom the account buys from"),
            Self::Records("professionals") => {
                ("Professionals", "People from outside who work for the account")
            }
            Self::Records("projects") => {
                ("Projects", "What is done for a client, by whom and by when")
            }
            Self::Records("tasks") => {
                ("Tasks", "What is to be done, in a project or outside of any")
            }
            Self::Records(other) => (other, "Records of a collection"),
            Self::Server => ("Server", "How the server is, and its public keys"),
            Self::Docs => ("Documentation", "This description of the interface"),
        }
    }
}

/// An operation that answers 204; what it is called, and in a few words what it does.
pub(crate) fn operation(
    tag: Tag,
    id: impl Into<Cow<'static, str>>,
    summary: impl Into<Cow<'static, str>>,
) -> Operation {
    Operation {
        id: id.into(),
        summary: summary.into(),
        description: Cow::Borrowed(""),
        tag,
        needs: Permissions::NONE,
        sessions_only: false,
        is_short: false,
        query: None,
        takes: None,
        answer: Success::NoContent,
        content: Content::Empty,
        is_versioned: false,
        may_be_unmodified: false,
        checks_version: false,
        is_located: false,
        is_once: false,
        answers_when_unavailable: false,
        codes: Vec::new(),
    }
}

impl Operation {
    pub(crate) fn about(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    pub(crate) fn needs(mut self, permissions: impl Into<Permissions>) -> Self {
        self.needs = permissions.into();
        self
    }

    pub(crate) fn sessions_only(mut self) -> Self {
        self.sessions_only = true;
        self
    }

    pub(crate) fn short(mut self, is_short: bool) -> Self {
        self.is_short = is_short;
        self
    }

    pub(crate) fn query(mut self, query: fn() -> Vec<Parameter>) -> Self {
        self.query = Some(query);
        self
    }

    /// Takes JSON.
    pub(crate) fn takes<B: JsonSchema>(mut self) -> Self {
        self.takes = Some(schema::<B>);
        self
    }

    /// Answers 200 with JSON.
    pub(crate) fn answers<B: Sample>(self) -> Self {
        self.answers_by(Body::of::<B>())
    }

    /// The same, for a body that no type alone describes.
    pub(crate) fn answers_by(mut self, body: Body) -> Self {
        self.answer = Success::Ok;
        self.content = Content::Json(body);
        self
    }

    /// Answers 201 with JSON.
    pub(crate) fn creates<B: Sample>(mut self) -> Self {
        self = self.answers::<B>();
        self.answer = Success::Created;
        self
    }

    /// Answers 202 with nothing.
    pub(crate) fn accepts(mut self) -> Self {
        self.answer = Success::Accepted;
        self
    }

    /// Answers 200 with a file, in place of JSON or as another form of it.
    pub(crate) fn answers_file(mut self, types: &'static [&'static str]) -> Self {
        self.answer = Success::Ok;
        self.content = match self.content {
            Content::Json(body) => Content::JsonOrFile(body, types),
            _ => Content::File(types),
        };
        self
    }

    pub(crate) fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    pub(crate) fn unmodified(mut self) -> Self {
        self.may_be_unmodified = true;
        self.versioned()
    }

    pub(crate) fn checks_version(mut self) -> Self {
        self.checks_version = true;
        self
    }

    pub(crate) fn located(mut self) -> Self {
        self.is_located = true;
        self
    }

    pub(crate) fn once(mut self) -> Self {
        self.is_once = true;
        self
    }

    pub(crate) fn answers_when_unavailable(mut self) -> Self {
        self.answers_when_unavailable = true;
        self
    }

    pub(crate) fn fails(mut self, codes: &[ErrorCode]) -> Self {
        self.codes.extend(codes);
        self
    }
}

fn schema<B: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<B>()
}
