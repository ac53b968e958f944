//! Records from files.

use http::Method;
use nexo_core::model::{
    ErrorCode as E, Import, ImportReport, Imports, MAX_CSV, NewImport, Permission,
};

use super::operation::{Tag, operation};
use super::route::{Route, tenant};
use crate::contract::query;
use crate::examples;
use crate::handlers::imports;

/// The routes of imports, each under its full and its short path.
pub(super) fn imports() -> impl Iterator<Item = Route> {
    ["/api/crm/imports", "/api/imports"].into_iter().flat_map(|all| {
        let one = format!("{all}/{{id}}");
        let of = |id: &'static str, summary: &'static str| {
            let needs = Permission::ImportRun;
            operation(Tag::Imports, id, summary).needs(needs).short(all == "/api/imports")
        };
        [
            tenant(Method::GET, all, |to, scope, _| Box::pin(imports::list(to, scope))).documented(
                of("listImports", "List the imports, the latest first").answers::<Imports>(),
            ),
            tenant(Method::POST, all, |to, scope, call| Box::pin(imports::create(to, scope, call)))
                .example(examples::import)
                .documented(
                    of("createImport", "Begin an import")
                        .about(
                            "Then send the file, and advance the import until it is done. Needs \
                             the permissions to read and write the collection too.",
                        )
                        .takes::<NewImport>()
                        .creates::<Import>()
                        .located()
                        .once(),
                ),
            tenant(Method::GET, one.clone(), |to, scope, call| {
                Box::pin(imports::get(to, scope, call))
            })
            .documented(of("getImport", "Tell how far an import is").answers::<Import>()),
            tenant(Method::DELETE, one.clone(), |to, scope, call| {
                Box::pin(imports::delete(to, scope, call))
            })
            .documented(
                of("deleteImport", "Forget an import")
                    .about("Records that it has made stay; it cannot be undone any more."),
            ),
            tenant(Method::PUT, format!("{one}/content"), |to, scope, call| {
                Box::pin(imports::content(to, scope, call))
            })
            .upload(MAX_CSV, examples::FILE)
            .documented(
                of("uploadImport", "Send the file, or what is still missing of it")
                    .query(query::offset)
                    .answers::<Import>(),
            ),
            tenant(Method::POST, format!("{one}/advance"), |to, scope, call| {
                Box::pin(imports::advance(to, scope, call))
            })
            .documented(
                of("advanceImport", "Do a part of the work, and tell how far it is")
                    .about("Call it until `status` is `done`, `failed` or `undone`.")
                    .answers::<Import>()
                    .fails(&[E::ValidationFailed]),
            ),
            tenant(Method::POST, format!("{one}/undo"), |to, scope, call| {
                Box::pin(imports::undo(to, scope, call))
            })
            .documented(
                of("undoImport", "Begin to undo what an import has done")
                    .answers::<Import>()
                    .fails(&[E::ValidationFailed]),
            ),
            tenant(Method::GET, format!("{one}/rows"), |to, scope, call| {
                Box::pin(imports::rows(to, scope, call))
            })
            .documented(
                of("listImportRows", "List the rows that were refused or kept")
                    .query(query::after)
                    .answers::<ImportReport>(),
            ),
            tenant(Method::GET, format!("{one}/report"), |to, scope, call| {
                Box::pin(imports::report(to, scope, call))
            })
            .documented(
                of("getImportReport", "Get them as a file, a line for each thing that is wrong")
                    .answers_file(&["text/csv"]),
            ),
        ]
    })
}
