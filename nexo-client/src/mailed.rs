//! What is done by a token that was mailed to an address.

use nexo_core::model::{ForgotPassword, ResetPassword, VerifyEmail};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

impl Nexo {
    /// Has a mail sent to the address, if it is a user's, with what sets their
    /// password anew. The answer does not tell whether it is.
    ///
    /// # Errors
    /// [`is_rate_limited`](crate::Error::is_rate_limited) when it was asked for
    /// often; [`ErrorCode::MailUnavailable`](nexo_core::model::ErrorCode) from a
    /// server that sends no mail.
    pub async fn forgot_password(&self, email: &str) -> Result<()> {
        let forgot = ForgotPassword { email: email.to_owned() };
        let request = self.request(Method::POST, "/api/auth/password/forgot").json(&forgot);
        request.anonymous().send().await
    }

    /// Sets a password by the token that was mailed, once. Every session of the
    /// user ends; log in again.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidToken`](nexo_core::model::ErrorCode) for one that is
    /// used, replaced or expired; [`is_validation`](crate::Error::is_validation)
    /// for a weak password, after which the token is still good.
    pub async fn reset_password(&self, token: &str, password: &str) -> Result<()> {
        let reset = ResetPassword { token: token.to_owned(), password: password.to_owned() };
        let request = self.request(Method::POST, "/api/auth/password/reset").json(&reset);
        request.anonymous().send().await
    }

    /// Shows by the token that was mailed that its user has the address.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidToken`](nexo_core::model::ErrorCode) for one that is
    /// used, replaced or expired.
    pub async fn verify_email(&self, token: &str) -> Result<()> {
        let verify = VerifyEmail { token: token.to_owned() };
        let request = self.request(Method::POST, "/api/auth/email/verify").json(&verify);
        request.anonymous().send().await
    }

    /// Has that token mailed again, unless the address is known to be the
    /// user's.
    ///
    /// # Errors
    /// As [`forgot_password`](Self::forgot_password), and every error of a write.
    pub async fn mail_email_verification(&self) -> Result<()> {
        self.request(Method::POST, "/api/auth/email/verification").send().await
    }
}
