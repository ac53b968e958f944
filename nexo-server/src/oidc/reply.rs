//! Coming back from a provider: from a code to who somebody is.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nexo_core::model::{ErrorCode, Validator};
use nexo_core::{Authenticator, Peer, PendingSignIn, ProviderIdentity, RefusedReply, SignInReply};
use openidconnect::core::{
    CoreClientAuthMethod, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata,
};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId,
    EmptyAdditionalClaims, Nonce, OAuth2TokenResponse as _, PkceCodeVerifier, RequestTokenError,
    SignatureVerificationError, TokenResponse as _, UserInfoClaims,
};

use super::Provider;
use super::discovery::unavailable;
use super::provider::Client;
use crate::failure::{Failure, Outcome};

/// By how much a provider's clock may be ahead.
const AHEAD: i64 = 60;
/// What an ID token may be signed by: always the provider's own key. What is
/// signed by a secret that we share, or by nothing, could be anybody's.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// What the browser has brought back.
#[derive(Clone, Copy)]
pub(crate) struct Brought<'a> {
    pub(crate) reply: SignInReply<'a>,
    pub(crate) code: &'a str,
    pub(crate) iss: Option<&'a str>,
}

/// Why an answer is not taken.
enum Refusal {
    /// There is none.
    Unavailable,
    Reply(RefusedReply),
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self::Reply(RefusedReply { reason, names: None })
    }
}

/// Exchanges the code, once, and keeps who the provider says that somebody is;
/// or tells the audit log why not.
pub(crate) async fn settle(
    provider: &Provider,
    authenticator: &Authenticator,
    pending: &PendingSignIn,
    brought: Brought<'_>,
    peer: &Peer,
) -> Outcome<()> {
    if pending.is_verified {
        return Ok(());
    }
    let reply = brought.reply;
    if brought.iss.is_some_and(|iss| iss != provider.config().issuer) {
        let refused = RefusedReply { reason: "issuer", names: None };
        authenticator.refuse_sign_in(reply, &refused, peer).await?;
        return Err(Failure::of(ErrorCode::InvalidOidcReply));
    }
    // Before the code is used, which a provider that is away must not cost.
    let metadata = provider.discovery.get(provider.config(), &provider.http).await?;
    authenticator.use_sign_in_code(reply, peer).await?;
    match identify(provider, metadata, pending, brought.code).await {
        Ok(identity) => Ok(authenticator.verify_sign_in(reply, &identity, peer).await?),
        Err(Refusal::Unavailable) => Err(unavailable()),
        Err(Refusal::Reply(refused)) => {
            // Of what it says nothing is told, because nobody knows who has said it.
            let (provider, reason) = (&provider.config().id, refused.reason);
            tracing::warn!(provider, reason, "a provider's answer was refused");
            authenticator.refuse_sign_in(reply, &refused, peer).await?;
            Err(Failure::of(ErrorCode::InvalidOidcReply))
        }
    }
}

async fn identify(
    provider: &Provider,
    metadata: Arc<CoreProviderMetadata>,
    pending: &PendingSignIn,
    code: &str,
) -> Result<ProviderIdentity, Refusal> {
    let client = client(provider, &metadata, pending)?;
    let exchange = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .map_err(|_| Refusal::Unavailable)?
        .set_pkce_verifier(PkceCodeVerifier::new(pending.pkce_verifier.clone()));
    let tokens = exchange.request_async(&provider.http).await.map_err(|error| match error {
        RequestTokenError::Request(why) => {
            let why = why.to_string();
            tracing::warn!(provider = provider.config().id, ?why, "a provider cannot be asked");
            Refusal::Unavailable
        }
        RequestTokenError::ServerResponse(_) => "code".into(),
        _ => "token".into(),
    })?;
    let token = tokens.id_token().ok_or("token")?;
    let nonce = Nonce::new(pending.nonce.clone());
    let config = provider.config();
    let verified = verify(&client, token, &nonce);
    let (client, claims) = match verified {
        Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        )) => {
            // The provider may have made a new key since.
            let renewed = provider.discovery.renewed(config, &provider.http, &metadata).await;
            let metadata = renewed.ok_or("signature")?;
            let client = self::client(provider, &metadata, pending)?;
            let claims =
                verify(&client, token, &nonce).map_err(|why| refused(&client, token, &why))?;
            (client, claims)
        }
        Err(why) => return Err(refused(&client, token, &why)),
        Ok(claims) => (client, claims),
    };
    let mut identity = identity(config.issuer.clone(), &claims)?;
    if identity.email.is_none() && client.user_info_url().is_some() {
        ask_for_address(provider, &client, tokens.access_token(), &claims, &mut identity).await;
    }
    Ok(identity)
}

fn client(
    provider: &Provider,
    metadata: &CoreProviderMetadata,
    pending: &PendingSignIn,
) -> Result<Client, Refusal> {
    let client = provider.client(metadata, &pending.redirect_uri);
    let client = client.map_err(|_| Refusal::Unavailable)?;
    let takes = |method| {
        let methods = metadata.token_endpoint_auth_methods_supported();
        methods.is_none_or(|methods| methods.contains(&method))
    };
    let in_body = !takes(CoreClientAuthMethod::ClientSecretBasic)
        && takes(CoreClientAuthMethod::ClientSecretPost);
    Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
}

/// The claims of a token, if its signature, issuer, audience, nonce and time are
/// as they must be.
fn verify(
    client: &Client,
    token: &CoreIdToken,
    nonce: &Nonce,
) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let verifier = verifier(client).set_issue_time_verifier_fn(move |at| {
        if at.timestamp() > now + AHEAD { Err("of the future".to_owned()) } else { Ok(()) }
    });
    let claims = token.claims(&verifier, nonce)?;
    let id: &ClientId = client.client_id();
    if claims.authorized_party().is_some_and(|party| party != id) {
        return Err(ClaimsVerificationError::InvalidAudience("authorized party".to_owned()));
    }
    Ok(claims.clone())
}

fn verifier(client: &Client) -> CoreIdTokenVerifier<'_> {
    client.id_token_verifier().set_allowed_algs(ALGORITHMS)
}

/// What was wrong, and whom the provider has signed for all the same: the audit
/// log of their accounts is told that somebody used a token of theirs.
fn refused(client: &Client, token: &CoreIdToken, why: &ClaimsVerificationError) -> Refusal {
    let reason = match why {
        ClaimsVerificationError::Expired(_) => "time",
        ClaimsVerificationError::InvalidAudience(_) => "audience",
        ClaimsVerificationError::InvalidIssuer(_) => "issuer",
        ClaimsVerificationError::InvalidNonce(_) => "nonce",
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        _ => "token",
    };
    // The epoch, so that it matters to nobody when the token has expired.
    let verifier = verifier(client).require_audience_match(false).set_time_fn(Default::default);
    let signed = token.claims(&verifier, |_: Option<&Nonce>| Ok(()));
    let names = signed.ok().filter(|claims| is_subject(claims.subject().as_str()));
    let names = names.map(|claims| (claims.issuer().to_string(), claims.subject().to_string()));
    Refusal::Reply(RefusedReply { reason, names })
}

fn identity(issuer: String, claims: &CoreIdTokenClaims) -> Result<ProviderIdentity, Refusal> {
    let subject = claims.subject().to_string();
    if !is_subject(&subject) {
        return Err("subject".into());
    }
    let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
    Ok(ProviderIdentity {
        issuer,
        subject,
        email: address(claims.email().map(|email| email.as_str())),
        email_verified: claims.email_verified() == Some(true),
        name: name.filter(|name| is_name(name)),
    })
}

/// Where the token has no address, the provider may tell it to whoever asks. That
/// it does not is no reason to sign nobody in.
async fn ask_for_address(
    provider: &Provider,
    client: &Client,
    access_token: &AccessToken,
    claims: &CoreIdTokenClaims,
    identity: &mut ProviderIdentity,
) {
    let Ok(request) = client.user_info(access_token.clone(), Some(claims.subject().clone())) else {
        return;
    };
    let told: Result<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>, _> =
        request.request_async(&provider.http).await;
    match told {
        Ok(told) => {
            identity.email = address(told.email().map(|email| email.as_str()));
            identity.email_verified = told.email_verified() == Some(true);
        }
        Err(_) => {
            tracing::warn!(provider = provider.config().id, "a provider tells no user's address");
        }
    }
}

/// What can be kept as an address.
fn address(told: Option<&str>) -> Option<String> {
    let mut check = Validator::new();
    check.email("email", told?);
    check.finish().ok().and(told).map(str::to_owned)
}

/// 255 characters of ASCII at most, says OpenID Connect.
fn is_subject(subject: &str) -> bool {
    (1..=255).contains(&subject.len()) && subject.bytes().all(|c| (0x20..0x7f).contains(&c))
}

fn is_name(name: &str) -> bool {
    let mut check = Validator::new();
    check.text("name", name, 1, 200);
    check.finish().is_ok()
}
