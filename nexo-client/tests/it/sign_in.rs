//! Signing in through a provider, which is the one of the server's tests.

use nexo_client::Nexo;
use nexo_client::model::{
    ErrorCode, FinishSignIn, LinkIdentity, SignInRegistration, StartIdentityLink,
};

use crate::provider::{Back, CALLBACK, Person, TestProvider, person};
use crate::world::{PASSWORD, World};

/// Goes to the provider and comes back.
async fn go(nexo: &Nexo, provider: &TestProvider, person: &Person) -> FinishSignIn {
    let started = nexo.start_sign_in("corp", CALLBACK).await.unwrap();
    let Back { state, code } = provider.sign_in(&started.authorization_url, person).await;
    FinishSignIn::new(started.sign_in_token, state, code)
}

#[tokio::test]
async fn somebody_new_signs_in_and_is_known_ever_after() {
    let provider = TestProvider::start().await;
    let world = World::with_sign_in(&provider.config()).await;
    let nexo = Nexo::new(&world.proxy.url).unwrap();
    let providers = nexo.sign_in_providers().await.unwrap();
    assert_eq!((&*providers.data[0].id, &*providers.data[0].name), ("corp", "Corp SSO"));

    let ada = person("ada-at-corp", "ada@example.com");
    let mut finish = go(&nexo, &provider, &ada).await;
    let unknown = nexo.finish_sign_in(&finish).await.unwrap_err();
    assert_eq!(unknown.code(), Some(ErrorCode::IdentityNotLinked));
    assert!(nexo.session().is_none());
    finish.register = Some(SignInRegistration { account_name: "Engines".to_owned(), name: None });
    let profile = nexo.finish_sign_in(&finish).await.unwrap();
    assert_eq!((&*profile.user.email, &*profile.account.name), ("ada@example.com", "Engines"));
    assert_eq!(nexo.profile().await.unwrap(), profile);

    let again = Nexo::new(&world.proxy.url).unwrap();
    let finish = go(&again, &provider, &ada).await;
    assert_eq!(again.finish_sign_in(&finish).await.unwrap().user, profile.user);
    let used = again.finish_sign_in(&finish).await.unwrap_err();
    assert_eq!(used.code(), Some(ErrorCode::InvalidOidcReply));

    let mine = nexo.external_identities().await.unwrap();
    assert!(!mine.has_password && mine.data[0].last_used_at.is_some());
    assert!(nexo.unlink_identity(mine.data[0].id).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn an_identity_is_added_and_taken_away() {
    let provider = TestProvider::start().await;
    let world = World::with_sign_in(&provider.config()).await;
    let nexo = world.register("ada").await;
    let mut start = StartIdentityLink {
        provider: "corp".to_owned(),
        redirect_uri: CALLBACK.to_owned(),
        password: Some("a wrong long password".to_owned()),
    };
    assert!(nexo.start_identity_link(&start).await.unwrap_err().is_validation());
    start.password = Some(PASSWORD.to_owned());
    let started = nexo.start_identity_link(&start).await.unwrap();
    let ada = person("ada-at-corp", "ada@corp.example.com");
    let Back { state, code } = provider.sign_in(&started.authorization_url, &ada).await;
    let sign_in_token = started.sign_in_token;
    let link = LinkIdentity { sign_in_token, state, code, iss: Some(provider.issuer()) };
    let forged = LinkIdentity { state: "x".to_owned(), ..link.clone() };
    let refused = nexo.link_identity(&forged).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidOidcReply));
    let linked = nexo.link_identity(&link).await.expect("a wrong reply ends no session");
    assert_eq!(nexo.external_identities().await.unwrap().data, std::slice::from_ref(&linked));

    let other = Nexo::new(&world.proxy.url).unwrap();
    let finish = go(&other, &provider, &ada).await;
    let profile = other.finish_sign_in(&finish).await.unwrap();
    assert_eq!(profile.user, nexo.profile().await.unwrap().user);
    nexo.unlink_identity(linked.id).await.unwrap();
    assert!(nexo.unlink_identity(linked.id).await.unwrap_err().is_not_found());
    let finish = go(&other, &provider, &ada).await;
    let unknown = other.finish_sign_in(&finish).await.unwrap_err();
    assert_eq!(unknown.code(), Some(ErrorCode::IdentityNotLinked));
}

#[tokio::test]
async fn a_provider_that_is_away_is_told() {
    let mut provider = TestProvider::start().await;
    let world = World::with_sign_in(&provider.config()).await;
    provider.stop().await;
    let nexo = Nexo::builder(&world.proxy.url).retries(0).build().unwrap();
    let away = nexo.start_sign_in("corp", CALLBACK).await.unwrap_err();
    assert_eq!(away.code(), Some(ErrorCode::OidcUnavailable));
    assert!(away.is_unavailable() && away.retry_after().is_some());
    assert!(nexo.start_sign_in("other", CALLBACK).await.unwrap_err().is_validation());
}
