//! How somebody gets in: what needs no token.

use http::Method;
use nexo_core::model::{
    AcceptInvitation, AuthTokens, ErrorCode as E, FinishSignIn, ForgotPassword, LoginRequest,
    RefreshRequest, RegisterRequest, ResetPassword, SignInProviders, StartSignIn, StartedSignIn,
    VerifyEmail,
};

use super::operation::{Tag, operation};
use super::route::{Limit, Route, public};
use crate::examples;
use crate::handlers::{auth, oidc};

const TAG: Tag = Tag::Authentication;

pub(super) fn sign_in() -> [Route; 7] {
    [
        public(Method::POST, "/api/auth/register", |app, call| Box::pin(auth::register(app, call)))
            .example(examples::register)
            .limited(Limit::Credentials)
            .documented(
                operation(TAG, "register", "Register a user with an account of their own")
                    .takes::<RegisterRequest>()
                    .creates::<AuthTokens>()
                    .fails(&[E::EmailTaken]),
            ),
        public(Method::POST, "/api/auth/login", |app, call| Box::pin(auth::login(app, call)))
            .example(examples::login)
            .limited(Limit::Credentials)
            .documented(
                operation(TAG, "login", "Log in")
                    .about(
                        "A user with a second factor gives its code too: without one the answer is \
                         `second_factor_required`.",
                    )
                    .takes::<LoginRequest>()
                    .answers::<AuthTokens>()
                    .fails(&[E::InvalidCredentials, E::SecondFactorRequired, E::InvalidCode]),
            ),
        public(Method::POST, "/api/auth/refresh", |app, call| Box::pin(auth::refresh(app, call)))
            .example(examples::refresh)
            .limited(Limit::Credentials)
            .documented(
                operation(TAG, "refresh", "Get new tokens for a refresh token")
                    .about(
                        "Each refresh token is used once. One that comes again later than a short \
                         grace ends the session.",
                    )
                    .takes::<RefreshRequest>()
                    .answers::<AuthTokens>()
                    .fails(&[E::InvalidRefreshToken]),
            ),
        public(Method::POST, "/api/auth/invitations/accept", |app, call| {
            Box::pin(auth::accept_invitation(app, call))
        })
        .example(examples::accept_invitation)
        .limited(Limit::Credentials)
        .documented(
            operation(TAG, "acceptInvitation", "Accept an invitation, and log in")
                .takes::<AcceptInvitation>()
                .creates::<AuthTokens>()
                .fails(&[
                    E::InvalidInvitation,
                    E::InvalidCredentials,
                    E::SecondFactorRequired,
                    E::InvalidCode,
                    E::EmailTaken,
                ]),
        ),
        public(Method::POST, "/api/auth/password/forgot", |app, call| {
            Box::pin(auth::forgot_password(app, call))
        })
        .example(examples::forgot_password)
        .limited(Limit::Credentials)
        .documented(
            operation(TAG, "forgotPassword", "Have a way to a new password mailed")
                .about("The answer is the same whether somebody has the address or not.")
                .takes::<ForgotPassword>()
                .accepts()
                .fails(&[E::MailUnavailable]),
        ),
        public(Method::POST, "/api/auth/password/reset", |app, call| {
            Box::pin(auth::reset_password(app, call))
        })
        .example(examples::reset_password)
        .limited(Limit::Credentials)
        .documented(
            operation(TAG, "resetPassword", "Set a new password with what was mailed")
                .about("Every session of the user ends.")
                .takes::<ResetPassword>()
                .fails(&[E::InvalidToken]),
        ),
        public(Method::POST, "/api/auth/email/verify", |app, call| {
            Box::pin(auth::verify_email(app, call))
        })
        .example(examples::verify_email)
        .limited(Limit::Credentials)
        .documented(
            operation(TAG, "verifyEmail", "Show that an address is one's own")
                .takes::<VerifyEmail>()
                .fails(&[E::InvalidToken]),
        ),
    ]
}

pub(super) fn oidc() -> [Route; 3] {
    [
        public(Method::GET, "/api/auth/oidc", |app, _| Box::pin(oidc::providers(app))).documented(
            operation(TAG, "listSignInProviders", "List the providers to sign in through")
                .answers::<SignInProviders>(),
        ),
        public(Method::POST, "/api/auth/oidc/start", |app, call| Box::pin(oidc::start(app, call)))
            .example(examples::start_sign_in)
            .limited(Limit::Credentials)
            .documented(
                operation(TAG, "startSignIn", "Begin to sign in through a provider")
                    .takes::<StartSignIn>()
                    .answers::<StartedSignIn>()
                    .fails(&[E::OidcUnavailable]),
            ),
        public(Method::POST, "/api/auth/oidc/finish", |app, call| {
            Box::pin(oidc::finish(app, call))
        })
        .example(examples::finish_sign_in)
        .limited(Limit::Credentials)
        .documented(
            operation(TAG, "finishSignIn", "Sign in: the browser is back from the provider")
                .about(
                    "Can be sent again with what was missing, the second factor or whom to \
                     register, until it succeeds or ten minutes are over.",
                )
                .takes::<FinishSignIn>()
                .answers::<AuthTokens>()
                .fails(&[
                    E::InvalidOidcReply,
                    E::IdentityNotLinked,
                    E::EmailNotVerified,
                    E::OidcUnavailable,
                    E::SecondFactorRequired,
                    E::InvalidCode,
                    E::InvalidCredentials,
                    E::InvalidInvitation,
                    E::EmailTaken,
                ]),
        ),
    ]
}
