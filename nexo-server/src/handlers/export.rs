//! Lists as files.

use futures_util::stream;
use http::HeaderValue;
use nexo_core::model::SheetFormat;
use nexo_core::{Table, TenantScope};

use crate::app::Services;
use crate::extract::{Call, ExportCall};
use crate::failure::{Failure, Outcome};
use crate::gateway::time_limit;
use crate::respond::{self, Reply};

pub(super) const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
const XLSX: HeaderValue =
    HeaderValue::from_static("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");

pub(crate) async fn export<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let limit = call.step_timeout();
    let ExportCall { params, fields, format } = call.export::<T>()?;
    let export = to.repository::<T>().export(&scope, params, format, &fields).await?;
    let pieces = stream::try_unfold(export, move |mut export| async move {
        let next = async { export.next().await.map_err(Failure::from) };
        let piece = time_limit::hold(limit, next).await?;
        Ok(piece.map(|piece| (piece.into(), export)))
    });
    respond::file(&format!("{}.{format}", T::COLLECTION), kind(format), Box::pin(pieces))
}

/// What a file of the format is, for `Content-Type`.
pub(super) const fn kind(format: SheetFormat) -> HeaderValue {
    match format {
        SheetFormat::Csv => CSV,
        SheetFormat::Xlsx => XLSX,
    }
}
