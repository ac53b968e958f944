//! Search over all collections.

use nexo_core::TenantScope;

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn search(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let params = call.search()?;
    respond::ok(&to.search(&scope, &params).await?)
}
