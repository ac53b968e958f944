//! The records of the CRM.

use http::Method;
use nexo_core::Table;
use nexo_core::model::{
    AuditAccesses, AuditPage, Batch, BatchResult, Erase, Erased, ErrorCode as E, Permission,
    Permissions, Person, PersonalData, SearchResult,
};

use super::operation::{Operation, Tag, operation};
use super::route::{Route, tenant};
use crate::contract::{SHEETS, page_of, query};
use crate::examples::{self, Sample};
use crate::handlers::{audit, crud, export, privacy, search};

const PREFIXES: [&str; 2] = ["/api/crm", "/api"];

pub(super) fn search() -> impl Iterator<Item = Route> {
    PREFIXES.into_iter().map(|prefix| {
        tenant(Method::GET, format!("{prefix}/search"), |to, scope, call| {
            Box::pin(search::search(to, scope, call))
        })
        .documented(
            operation(Tag::Search, "search", "Search all collections, the best first")
                .about("Collections that the caller may not read are left out.")
                .short(prefix == "/api")
                .query(query::search)
                .answers::<SearchResult>(),
        )
    })
}

/// What operations of one entity have in common.
struct Of {
    tag: Tag,
    /// `Client`, `Clients`.
    one: String,
    all: String,
    is_short: bool,
}

impl Of {
    fn new<T: Table>(prefix: &str) -> Self {
        let one = T::schema_name().into_owned();
        let all = T::COLLECTION;
        let all = format!("{}{}", all[..1].to_uppercase(), &all[1..]);
        Self { tag: Tag::Records(T::COLLECTION), one, all, is_short: prefix == "/api" }
    }

    /// `{one}` and `{all}` stand for the entity's name.
    fn op(&self, id: &str, summary: &str, needs: impl Into<Permissions>) -> Operation {
        let id = id.replace("{one}", &self.one).replace("{all}", &self.all);
        let (one, all) = (self.one.to_lowercase(), self.all.to_lowercase());
        let article = if one.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let summary = summary
            .replace("a {one}", &format!("{article} {one}"))
            .replace("{one}", &one)
            .replace("{all}", &all);
        operation(self.tag, id, summary).needs(needs).short(self.is_short)
    }
}

/// The twelve routes of an entity, each under its full and its short path.
pub(super) fn crud<T: Table + Sample>() -> impl Iterator<Item = Route> {
    PREFIXES.into_iter().flat_map(|prefix| {
        let all = format!("{prefix}/{}", T::COLLECTION);
        let one = format!("{all}/{{id}}");
        let of = Of::new::<T>(prefix);
        let reads_log = Permission::AuditRead | T::TO_READ;
        let reads_access = reads_log.with(Permission::MemberRead).with(Permission::KeyManage);
        [
            tenant(Method::GET, all.clone(), |to, scope, call| {
                Box::pin(crud::list::<T>(to, scope, call))
            })
            .documented(
                of.op("list{all}", "List {all}", T::TO_READ)
                    .about(
                        "A page at a time, the newest first unless `sort` says otherwise. Archived \
                         records are left out. Conditions on several fields must all hold.",
                    )
                    .query(query::list::<T>)
                    .answers_by(page_of::<T>()),
            ),
            tenant(Method::POST, all.clone(), |to, scope, call| {
                Box::pin(crud::create::<T>(to, scope, call))
            })
            .example(examples::entity::<T>)
            .documented(
                of.op("create{one}", "Create a {one}", T::TO_WRITE)
                    .takes::<T::New>()
                    .creates::<T>()
                    .located()
                    .versioned()
                    .once(),
            ),
            tenant(Method::POST, format!("{all}/batch"), |to, scope, call| {
                Box::pin(crud::batch::<T>(to, scope, call))
            })
            .example(examples::batch::<T>)
            .documented(
                of.op("batch{all}", "Change many {all} in one call", T::TO_READ)
                    .about(
                        "Creating, upserting and patching need the permission to write, deleting \
                         the one to delete.",
                    )
                    .takes::<Batch<T>>()
                    .answers::<BatchResult<T>>()
                    .once()
                    // The last one of a key that the collection does not have.
                    .fails(&[E::NotFound, E::VersionConflict, E::InUse, E::InvalidQuery]),
            ),
            tenant(Method::GET, format!("{all}/export"), |to, scope, call| {
                Box::pin(export::export::<T>(to, scope, call))
            })
            .documented(
                of.op("export{all}", "Get a list of {all} as a file", T::TO_READ)
                    .about("All pages of the list, written while they are sent.")
                    .query(query::export::<T>)
                    .answers_file(SHEETS),
            ),
            tenant(Method::GET, one.clone(), |to, scope, call| {
                Box::pin(crud::get::<T>(to, scope, call))
            })
            .documented(of.op("get{one}", "Get a {one}", T::TO_READ).answers::<T>().unmodified()),
            tenant(Method::PUT, one.clone(), |to, scope, call| {
                Box::pin(crud::replace::<T>(to, scope, call))
            })
            .example(examples::entity::<T>)
            .documented(
                of.op("replace{one}", "Replace a {one}", T::TO_WRITE)
                    .about("Fields that the body leaves out get their defaults.")
                    .takes::<T::New>()
                    .answers::<T>()
                    .versioned()
                    .checks_version(),
            ),
            tenant(Method::PATCH, one.clone(), |to, scope, call| {
                Box::pin(crud::patch::<T>(to, scope, call))
            })
            .example(examples::entity::<T>)
            .documented(
                of.op("update{one}", "Change fields of a {one}", T::TO_WRITE)
                    .about(
                        "A JSON merge patch (RFC 7396): what is absent stays, `null` removes what \
                         is stored.",
                    )
                    .takes::<T::Patch>()
                    .answers::<T>()
                    .versioned()
                    .checks_version(),
            ),
            tenant(Method::DELETE, one.clone(), |to, scope, call| {
                Box::pin(crud::delete::<T>(to, scope, call))
            })
            .documented(
                of.op("delete{one}", "Delete a {one}", T::TO_DELETE)
                    .about("One that others refer to can be archived instead.")
                    .checks_version()
                    .fails(&[E::InUse]),
            ),
            tenant(Method::GET, format!("{one}/history"), |to, scope, call| {
                Box::pin(audit::history::<T>(to, scope, call))
            })
            .documented(
                of.op("list{one}History", "List what was done to a {one}", reads_log)
                    .query(query::history)
                    .answers::<AuditPage>(),
            ),
            tenant(Method::GET, format!("{one}/access"), |to, scope, call| {
                Box::pin(audit::access::<T>(to, scope, call))
            })
            .documented(
                of.op("list{one}Access", "List who could read a {one}, and when", reads_access)
                    .sessions_only()
                    .query(query::format)
                    .answers::<AuditAccesses>()
                    .answers_file(SHEETS),
            ),
            tenant(Method::POST, format!("{one}/archive"), |to, scope, call| {
                Box::pin(crud::archive::<T>(to, scope, call))
            })
            .documented(
                of.op("archive{one}", "Archive a {one}", T::TO_WRITE)
                    .about("It is left out of lists, and can be restored.")
                    .answers::<T>()
                    .versioned()
                    .checks_version()
                    .once(),
            ),
            tenant(Method::POST, format!("{one}/restore"), |to, scope, call| {
                Box::pin(crud::restore::<T>(to, scope, call))
            })
            .documented(
                of.op("restore{one}", "Restore an archived {one}", T::TO_WRITE)
                    .answers::<T>()
                    .versioned()
                    .checks_version()
                    .once(),
            ),
        ]
    })
}

/// The routes of what is known of a person, each under its full and its short path.
pub(super) fn person<T: Table + Person + Sample>() -> impl Iterator<Item = Route> {
    PREFIXES.into_iter().flat_map(|prefix| {
        let one = format!("{prefix}/{}/{{id}}", T::COLLECTION);
        let of = Of::new::<T>(prefix);
        let exports =
            (Permission::PrivacyManage | Permission::AuditRead).with(Permission::ImportRun);
        let erases = (Permission::PrivacyManage | T::TO_WRITE).with(T::TO_DELETE);
        [
            tenant(Method::GET, format!("{one}/personal-data"), |to, scope, call| {
                Box::pin(privacy::export::<T>(to, scope, call))
            })
            .documented(
                of.op("get{one}Data", "Get all that is known of a {one}", exports.with(T::TO_READ))
                    .about("Needs the permissions to read all collections that refer to it too.")
                    .answers::<PersonalData<T>>(),
            ),
            tenant(Method::POST, format!("{one}/erase"), |to, scope, call| {
                Box::pin(privacy::erase::<T>(to, scope, call))
            })
            .example(examples::erase)
            .documented(
                of.op("erase{one}", "Erase what is known of a {one}", erases.with(T::TO_READ))
                    .about("Cannot be undone: also what the audit log and imports have of it goes.")
                    .takes::<Erase>()
                    .answers::<Erased<T>>(),
            ),
        ]
    })
}
