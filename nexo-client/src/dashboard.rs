//! What somebody sees first.

use nexo_core::model::{Dashboard, DashboardAccount, DashboardWork};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

impl Nexo {
    /// How much there is, what changed, and what the caller has to do, as far as they
    /// may see it. A service that is away leaves its part out: see
    /// [`missing`](Dashboard::missing).
    ///
    /// ```no_run
    /// # use nexo_client::{Nexo, Result};
    /// # async fn example(nexo: &Nexo) -> Result<()> {
    /// let dashboard = nexo.dashboard().await?;
    /// if let Some(tasks) = dashboard.work.and_then(|work| work.my_tasks) {
    ///     println!("{} to do, {} of them late", tasks.open, tasks.overdue);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Every error of a read; [`is_unavailable`](crate::Error::is_unavailable) when
    /// both services are away.
    pub async fn dashboard(&self) -> Result<Dashboard> {
        self.request(Method::GET, "/api/dashboard").send().await
    }

    /// The part about the user and the account alone.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn account_dashboard(&self) -> Result<DashboardAccount> {
        self.request(Method::GET, "/api/auth/dashboard").send().await
    }

    /// The part about the account's records alone.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn work_dashboard(&self) -> Result<DashboardWork> {
        self.request(Method::GET, "/api/crm/dashboard").send().await
    }
}
