//! The second factor of the session's user.

use nexo_core::model::{
    ConfirmSecondFactor, LoginRequest, Profile, RecoveryCodes, SecondFactorProof,
    SecondFactorSetup, SecondFactorState, SetUpSecondFactor,
};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

impl Nexo {
    /// Logs in with the code of an authenticator app, or one for when it is lost.
    ///
    /// # Errors
    /// As [`login`](Self::login), which says
    /// [`ErrorCode::SecondFactorRequired`](nexo_core::model::ErrorCode) where this
    /// is needed; [`ErrorCode::InvalidCode`](nexo_core::model::ErrorCode), also
    /// for a code that was used.
    pub async fn login_with_code(
        &self,
        email: &str,
        password: &str,
        code: &str,
    ) -> Result<Profile> {
        let request =
            LoginRequest { code: Some(code.to_owned()), ..LoginRequest::new(email, password) };
        self.authenticate("/api/auth/login", &request).await
    }

    /// Whether the user has a second factor.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn second_factor(&self) -> Result<SecondFactorState> {
        self.request(Method::GET, "/api/auth/second-factor").send().await
    }

    /// Begins to set one up: show what this answers to an authenticator app, then
    /// [confirm](Self::confirm_second_factor) it.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for the wrong password;
    /// [`is_conflict`](crate::Error::is_conflict) when there is one already.
    pub async fn set_up_second_factor(&self, password: &str) -> Result<SecondFactorSetup> {
        let set_up = SetUpSecondFactor { password: password.to_owned() };
        self.request(Method::POST, "/api/auth/second-factor").json(&set_up).send().await
    }

    /// From now on a code is needed to log in; the user's other sessions end. The
    /// codes in the answer, for when the app is lost, are told this once.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidCode`](nexo_core::model::ErrorCode);
    /// [`is_conflict`](crate::Error::is_conflict) when nothing was set up.
    pub async fn confirm_second_factor(&self, code: &str) -> Result<RecoveryCodes> {
        let confirm = ConfirmSecondFactor { code: code.to_owned() };
        self.request(Method::POST, "/api/auth/second-factor/confirm").json(&confirm).send().await
    }

    /// New codes for when the app is lost, in place of those before.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for the wrong password;
    /// [`ErrorCode::InvalidCode`](nexo_core::model::ErrorCode).
    pub async fn renew_recovery_codes(&self, password: &str, code: &str) -> Result<RecoveryCodes> {
        let path = "/api/auth/second-factor/recovery-codes";
        self.request(Method::POST, path).json(&proof(password, code)).send().await
    }

    /// From now on no code is needed to log in.
    ///
    /// # Errors
    /// As [`renew_recovery_codes`](Self::renew_recovery_codes).
    pub async fn remove_second_factor(&self, password: &str, code: &str) -> Result<()> {
        let path = "/api/auth/second-factor/remove";
        self.request(Method::POST, path).json(&proof(password, code)).send().await
    }
}

fn proof(password: &str, code: &str) -> SecondFactorProof {
    SecondFactorProof { password: password.to_owned(), code: code.to_owned() }
}
