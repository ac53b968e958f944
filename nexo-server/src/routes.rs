//! The route table: every path that the server answers, as data.
//!
//! Tests and benches iterate over [`table`], so a new row is tested for what
//! all rows must hold (no answer without a token, nothing of another account)
//! without anybody thinking of it.

use std::borrow::Cow;
use std::pin::Pin;

use http::Method;
use nexo_core::model::{
    Client, Department, Employee, MAX_CSV, Person, Professional, Project, Supplier, Task,
};
use nexo_core::{Table, TenantScope};
use serde_json::Value;

use crate::app::{App, Services};
use crate::config::Service;
use crate::examples;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::gateway::limits::MAX_BODY;
use crate::handlers::{
    api_keys, audit, auth, crud, dashboard, export, health, imports, keys, oidc, people, privacy,
    search, second_factor,
};
use crate::respond::Reply;

/// Every route of the server.
#[must_use]
pub fn table() -> Vec<Route> {
    let mut table = process();
    table.push(dashboard());
    table.extend(auth().into_iter().map(|route| route.of(Service::Auth)));
    table.extend(records().into_iter().map(|route| route.of(Service::Crm)));
    table
}

/// What each process says of itself.
fn process() -> Vec<Route> {
    [
        public(Method::GET, "/health", |app, _| Box::pin(health::health(app))),
        public(Method::GET, "/health/auth", |app, _| Box::pin(health::auth(app))),
        public(Method::GET, "/health/crm", |app, _| Box::pin(health::crm(app))),
        public(Method::GET, "/health/database", |app, _| Box::pin(health::database(app))),
        public(Method::GET, "/live", |_, _| Box::pin(async { health::live() })),
        public(Method::GET, "/ready", |app, _| Box::pin(health::ready(app))),
    ]
    .map(|route| route.limited(Limit::Exempt))
    .into()
}

/// Users, sessions, roles and keys.
fn auth() -> Vec<Route> {
    let mut table = vec![
        public(Method::GET, "/.well-known/jwks.json", |app, _| Box::pin(keys::jwks(app)))
            .limited(Limit::Exempt),
        public(Method::POST, "/api/auth/register", |app, call| Box::pin(auth::register(app, call)))
            .example(examples::register)
            .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/login", |app, call| Box::pin(auth::login(app, call)))
            .example(examples::login)
            .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/refresh", |app, call| Box::pin(auth::refresh(app, call)))
            .example(examples::refresh)
            .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/invitations/accept", |app, call| {
            Box::pin(auth::accept_invitation(app, call))
        })
        .example(examples::accept_invitation)
        .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/password/forgot", |app, call| {
            Box::pin(auth::forgot_password(app, call))
        })
        .example(examples::forgot_password)
        .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/password/reset", |app, call| {
            Box::pin(auth::reset_password(app, call))
        })
        .example(examples::reset_password)
        .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/email/verify", |app, call| {
            Box::pin(auth::verify_email(app, call))
        })
        .example(examples::verify_email)
        .limited(Limit::Credentials),
        public(Method::GET, "/api/auth/oidc", |app, _| Box::pin(oidc::providers(app))),
        public(Method::POST, "/api/auth/oidc/start", |app, call| Box::pin(oidc::start(app, call)))
            .example(examples::start_sign_in)
            .limited(Limit::Credentials),
        public(Method::POST, "/api/auth/oidc/finish", |app, call| {
            Box::pin(oidc::finish(app, call))
        })
        .example(examples::finish_sign_in)
        .limited(Limit::Credentials),
        tenant(Method::POST, "/api/auth/email/verification", |to, scope, _| {
            Box::pin(auth::mail_verification(to, scope))
        })
        .limited(Limit::Credentials),
        tenant(Method::GET, "/api/auth/accounts", |to, scope, _| {
            Box::pin(auth::accounts(to, scope))
        }),
        tenant(Method::POST, "/api/auth/switch", |to, scope, call| {
            Box::pin(auth::switch(to, scope, call))
        })
        .example(examples::switch_account),
        tenant(Method::POST, "/api/auth/leave", |to, scope, _| Box::pin(people::leave(to, scope))),
        tenant(Method::POST, "/api/auth/logout", |to, scope, _| Box::pin(auth::logout(to, scope))),
        tenant(Method::POST, "/api/auth/logout-all", |to, scope, _| {
            Box::pin(auth::logout_everywhere(to, scope))
        }),
        tenant(Method::GET, "/api/auth/profile", |to, scope, _| Box::pin(auth::profile(to, scope))),
        tenant(Method::PATCH, "/api/auth/profile", |to, scope, call| {
            Box::pin(auth::update_profile(to, scope, call))
        })
        .example(examples::profile),
        tenant(Method::DELETE, "/api/auth/profile", |to, scope, call| {
            Box::pin(privacy::delete_user(to, scope, call))
        })
        .example(examples::delete_user)
        .limited(Limit::Credentials),
        tenant(Method::GET, "/api/auth/profile/personal-data", |to, scope, _| {
            Box::pin(privacy::user(to, scope))
        }),
        tenant(Method::POST, "/api/auth/password", |to, scope, call| {
            Box::pin(auth::change_password(to, scope, call))
        })
        .example(examples::password)
        .limited(Limit::Credentials),
    ];
    table.extend(second_factor());
    table.extend(identities());
    table.push(tenant(Method::GET, "/api/auth/dashboard", |to, scope, _| {
        Box::pin(dashboard::account(to, scope))
    }));
    table.extend(people());
    table.extend(api_keys());
    table
}

/// What an account has.
fn records() -> Vec<Route> {
    let mut table = Vec::new();
    for path in ["/api/crm/search", "/api/search"] {
        table.push(tenant(Method::GET, path, |to, scope, call| {
            Box::pin(search::search(to, scope, call))
        }));
    }
    table.push(tenant(Method::GET, "/api/crm/dashboard", |to, scope, _| {
        Box::pin(dashboard::work(to, scope))
    }));
    table.push(tenant(Method::GET, "/api/audit", |to, scope, call| {
        Box::pin(audit::list(to, scope, call))
    }));
    table.push(tenant(Method::GET, "/api/audit/export", |to, scope, call| {
        Box::pin(audit::export(to, scope, call))
    }));
    table.extend(imports());
    table.extend(crud::<Client>());
    table.extend(crud::<Department>());
    table.extend(crud::<Employee>());
    table.extend(crud::<Supplier>());
    table.extend(crud::<Professional>());
    table.extend(crud::<Project>());
    table.extend(crud::<Task>());
    table.extend(person::<Client>());
    table.extend(person::<Employee>());
    table.extend(person::<Supplier>());
    table.extend(person::<Professional>());
    table
}

/// What somebody sees first, gathered from the services.
fn dashboard() -> Route {
    route(
        Method::GET,
        "/api/dashboard",
        Handler::Gathering(|app, scope, call| Box::pin(dashboard::whole(app, scope, call))),
    )
    .of(Service::Entry)
}

/// Who is in the account, and what they may do.
fn people() -> [Route; 16] {
    [
        tenant(Method::GET, "/api/settings", |to, scope, _| Box::pin(people::settings(to, scope))),
        tenant(Method::PATCH, "/api/settings", |to, scope, call| {
            Box::pin(people::patch_settings(to, scope, call))
        })
        .example(examples::settings),
        tenant(Method::GET, "/api/roles", |to, scope, _| Box::pin(people::roles(to, scope))),
        tenant(Method::POST, "/api/roles", |to, scope, call| {
            Box::pin(people::create_role(to, scope, call))
        })
        .example(examples::role),
        tenant(Method::GET, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::role(to, scope, call))
        }),
        tenant(Method::PATCH, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::patch_role(to, scope, call))
        })
        .example(examples::role_patch),
        tenant(Method::DELETE, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::delete_role(to, scope, call))
        }),
        tenant(Method::GET, "/api/members", |to, scope, call| {
            Box::pin(people::members(to, scope, call))
        }),
        tenant(Method::GET, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::member(to, scope, call))
        }),
        tenant(Method::PATCH, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::patch_member(to, scope, call))
        })
        .example(examples::member),
        tenant(Method::DELETE, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::remove_member(to, scope, call))
        }),
        tenant(Method::POST, "/api/members/{id}/transfer", |to, scope, call| {
            Box::pin(people::transfer(to, scope, call))
        })
        .example(examples::transfer),
        tenant(Method::GET, "/api/invitations", |to, scope, _| {
            Box::pin(people::invitations(to, scope))
        }),
        tenant(Method::POST, "/api/invitations", |to, scope, call| {
            Box::pin(people::invite(to, scope, call))
        })
        .example(examples::invitation),
        tenant(Method::GET, "/api/invitations/{id}", |to, scope, call| {
            Box::pin(people::invitation(to, scope, call))
        }),
        tenant(Method::DELETE, "/api/invitations/{id}", |to, scope, call| {
            Box::pin(people::withdraw(to, scope, call))
        }),
    ]
}

/// What somebody shows besides their password.
fn second_factor() -> [Route; 5] {
    const PATH: &str = "/api/auth/second-factor";
    [
        tenant(Method::GET, PATH, |to, scope, _| Box::pin(second_factor::state(to, scope))),
        tenant(Method::POST, PATH, |to, scope, call| {
            Box::pin(second_factor::set_up(to, scope, call))
        })
        .example(examples::set_up_second_factor)
        .limited(Limit::Credentials),
        tenant(Method::POST, format!("{PATH}/confirm"), |to, scope, call| {
            Box::pin(second_factor::confirm(to, scope, call))
        })
        .example(examples::confirm_second_factor)
        .limited(Limit::Credentials),
        tenant(Method::POST, format!("{PATH}/recovery-codes"), |to, scope, call| {
            Box::pin(second_factor::recovery_codes(to, scope, call))
        })
        .example(examples::second_factor_proof)
        .limited(Limit::Credentials),
        tenant(Method::POST, format!("{PATH}/remove"), |to, scope, call| {
            Box::pin(second_factor::remove(to, scope, call))
        })
        .example(examples::second_factor_proof)
        .limited(Limit::Credentials),
    ]
}

/// Who the user is at providers.
fn identities() -> [Route; 4] {
    const PATH: &str = "/api/auth/identities";
    [
        tenant(Method::GET, PATH, |to, scope, _| Box::pin(oidc::identities(to, scope))),
        tenant(Method::POST, PATH, |to, scope, call| Box::pin(oidc::link(to, scope, call)))
            .example(examples::link_identity)
            .limited(Limit::Credentials),
        tenant(Method::POST, format!("{PATH}/start"), |to, scope, call| {
            Box::pin(oidc::start_link(to, scope, call))
        })
        .example(examples::start_identity_link),
        tenant(Method::DELETE, format!("{PATH}/{{id}}"), |to, scope, call| {
            Box::pin(oidc::unlink(to, scope, call))
        }),
    ]
}

/// How programs act in the account.
fn api_keys() -> [Route; 4] {
    [
        tenant(Method::GET, "/api/keys", |to, scope, _| Box::pin(api_keys::list(to, scope))),
        tenant(Method::POST, "/api/keys", |to, scope, call| {
            Box::pin(api_keys::create(to, scope, call))
        })
        .example(examples::api_key),
        tenant(Method::GET, "/api/keys/{id}", |to, scope, call| {
            Box::pin(api_keys::get(to, scope, call))
        }),
        tenant(Method::DELETE, "/api/keys/{id}", |to, scope, call| {
            Box::pin(api_keys::revoke(to, scope, call))
        }),
    ]
}

/// The routes of imports, each under its full and its short path.
fn imports() -> impl Iterator<Item = Route> {
    ["/api/crm/imports", "/api/imports"].into_iter().flat_map(|all| {
        let one = format!("{all}/{{id}}");
        [
            tenant(Method::GET, all, |to, scope, _| Box::pin(imports::list(to, scope))),
            tenant(Method::POST, all, |to, scope, call| Box::pin(imports::create(to, scope, call)))
                .example(examples::import),
            tenant(Method::GET, one.clone(), |to, scope, call| {
                Box::pin(imports::get(to, scope, call))
            }),
            tenant(Method::DELETE, one.clone(), |to, scope, call| {
                Box::pin(imports::delete(to, scope, call))
            }),
            tenant(Method::PUT, format!("{one}/content"), |to, scope, call| {
                Box::pin(imports::content(to, scope, call))
            })
            .upload(MAX_CSV, examples::FILE),
            tenant(Method::POST, format!("{one}/advance"), |to, scope, call| {
                Box::pin(imports::advance(to, scope, call))
            }),
            tenant(Method::POST, format!("{one}/undo"), |to, scope, call| {
                Box::pin(imports::undo(to, scope, call))
            }),
            tenant(Method::GET, format!("{one}/rows"), |to, scope, call| {
                Box::pin(imports::rows(to, scope, call))
            }),
            tenant(Method::GET, format!("{one}/report"), |to, scope, call| {
                Box::pin(imports::report(to, scope, call))
            }),
        ]
    })
}

/// The twelve routes of an entity, each under its full and its short path.
fn crud<T: Table>() -> impl Iterator<Item = Route> {
    ["/api/crm", "/api"].into_iter().flat_map(|prefix| {
        let all = format!("{prefix}/{}", T::COLLECTION);
        let one = format!("{all}/{{id}}");
        [
            tenant(Method::GET, all.clone(), |to, scope, call| {
                Box::pin(crud::list::<T>(to, scope, call))
            }),
            tenant(Method::POST, all.clone(), |to, scope, call| {
                Box::pin(crud::create::<T>(to, scope, call))
            })
            .example(examples::entity::<T>),
            tenant(Method::POST, format!("{all}/batch"), |to, scope, call| {
                Box::pin(crud::batch::<T>(to, scope, call))
            })
            .example(examples::batch::<T>),
            tenant(Method::GET, format!("{all}/export"), |to, scope, call| {
                Box::pin(export::export::<T>(to, scope, call))
            }),
            tenant(Method::GET, one.clone(), |to, scope, call| {
                Box::pin(crud::get::<T>(to, scope, call))
            }),
            tenant(Method::PUT, one.clone(), |to, scope, call| {
                Box::pin(crud::replace::<T>(to, scope, call))
            })
            .example(examples::entity::<T>),
            tenant(Method::PATCH, one.clone(), |to, scope, call| {
                Box::pin(crud::patch::<T>(to, scope, call))
            })
            .example(examples::entity::<T>),
            tenant(Method::DELETE, one.clone(), |to, scope, call| {
                Box::pin(crud::delete::<T>(to, scope, call))
            }),
            tenant(Method::GET, format!("{one}/history"), |to, scope, call| {
                Box::pin(audit::history::<T>(to, scope, call))
            }),
            tenant(Method::GET, format!("{one}/access"), |to, scope, call| {
                Box::pin(audit::access::<T>(to, scope, call))
            }),
            tenant(Method::POST, format!("{one}/archive"), |to, scope, call| {
                Box::pin(crud::archive::<T>(to, scope, call))
            }),
            tenant(Method::POST, format!("{one}/restore"), |to, scope, call| {
                Box::pin(crud::restore::<T>(to, scope, call))
            }),
        ]
    })
}

/// The routes of what is known of a person, each under its full and its short path.
fn person<T: Table + Person>() -> impl Iterator<Item = Route> {
    ["/api/crm", "/api"].into_iter().flat_map(|prefix| {
        let one = format!("{prefix}/{}/{{id}}", T::COLLECTION);
        [
            tenant(Method::GET, format!("{one}/personal-data"), |to, scope, call| {
                Box::pin(privacy::export::<T>(to, scope, call))
            }),
            tenant(Method::POST, format!("{one}/erase"), |to, scope, call| {
                Box::pin(privacy::erase::<T>(to, scope, call))
            })
            .example(examples::erase),
        ]
    })
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Route {
    method: Method,
    path: Cow<'static, str>,
    handler: Handler,
    example: Option<fn(u32) -> Value>,
    upload: Option<Upload>,
    service: Service,
    limit: Limit,
    /// Its place in the table that is served.
    number: usize,
}

impl Route {
    /// The method. A `GET` route also answers `HEAD`.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, with `{id}` where a row's id stands.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Who may call it.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.handler {
            Handler::Public(_) => Access::Public,
            Handler::Tenant(_) | Handler::Gathering(_) => Access::Tenant,
        }
    }

    /// Which service answers it.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn of(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// A body that the route accepts, if it reads one: what documentation
    /// shows and benches send. Credentials in it are invented. Records of
    /// different numbers can stand in one account.
    #[must_use]
    pub fn example_body(&self, number: u32) -> Option<Value> {
        self.example.map(|example| example(number))
    }

    fn example(mut self, example: fn(u32) -> Value) -> Self {
        self.example = Some(example);
        self
    }

    /// How often it may be called.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    pub(crate) fn limited(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// A file that the route accepts, if its body is one, read piece by piece.
    #[must_use]
    pub fn example_file(&self) -> Option<&'static [u8]> {
        self.upload.map(|upload| upload.example)
    }

    /// Takes a file of up to so many bytes.
    pub(crate) fn upload(mut self, most: u64, example: &'static [u8]) -> Self {
        self.upload = Some(Upload { most, example });
        self
    }

    pub(crate) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn is_upload(&self) -> bool {
        self.upload.is_some()
    }

    pub(crate) fn max_body(&self) -> u64 {
        self.upload.map_or(MAX_BODY as u64, |upload| upload.most)
    }

    pub(crate) fn handler(&self) -> Handler {
        self.handler
    }
}

/// What a route takes whose body is a file.
#[derive(Debug, Clone, Copy)]
struct Upload {
    most: u64,
    example: &'static [u8],
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has an access token; the route sees that token's account only.
    Tenant,
}

/// How often a route may be called, and whether its requests are counted among
/// those in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// As often as any other.
    Standard,
    /// Seldom: it takes a password, a code or a token that could be guessed, hashes
    /// for a long time, or sends mail.
    Credentials,
    /// As often as one likes, also when the server is overloaded: what machines ask
    /// to know how it is, and keys that they look up.
    Exempt,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Outcome<Reply>> + Send + 'a>>;
pub(crate) type PublicHandler = for<'a> fn(&'a App, Call<'a>) -> Answer<'a>;
pub(crate) type TenantHandler = for<'a> fn(&'a Services, TenantScope, Call<'a>) -> Answer<'a>;

/// Of whom there is no scope here if they have an API key: see
/// [`authenticate`](crate::gateway).
pub(crate) type GatheringHandler = for<'a> fn(&'a App, Option<TenantScope>, Call<'a>) -> Answer<'a>;

/// What answers a route. Who may call stands in the signature: a public
/// handler is given no scope, and without one no repository can be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handler {
    Public(PublicHandler),
    Tenant(TenantHandler),
    Gathering(GatheringHandler),
}

pub(crate) fn public(
    method: Method,
    path: impl Into<Cow<'static, str>>,
    handler: PublicHandler,
) -> Route {
    route(method, path, Handler::Public(handler))
}

fn tenant(method: Method, path: impl Into<Cow<'static, str>>, handler: TenantHandler) -> Route {
    route(method, path, Handler::Tenant(handler))
}

fn route(method: Method, path: impl Into<Cow<'static, str>>, handler: Handler) -> Route {
    Route {
        method,
        path: path.into(),
        handler,
        example: None,
        upload: None,
        service: Service::Process,
        limit: Limit::Standard,
        number: 0,
    }
}
