//! An OpenID Connect provider on a socket: discovery, keys, a page to sign in at,
//! a token endpoint that checks what it is sent, and tokens that are really
//! signed. What it does wrong, it does because a test has asked for it.

mod keys;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use keys::{Key, put_together};

/// Our name there.
pub(crate) const CLIENT: &str = "nexo";
/// Our secret there, with what must be encoded on its way.
pub(crate) const SECRET: &str = "s3cret:/+ &%";
/// Where the browser comes back to.
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";

/// Changes the claims of a token before it is signed.
pub(crate) type Change = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// How the next tokens are signed.
#[derive(Clone, Default)]
pub(crate) enum Sign {
    /// By the key, whose id it tells.
    #[default]
    Well,
    /// Not at all, and says so: `alg` is this.
    Nothing(&'static str),
    /// With nothing in place of the signature.
    Empty,
    /// By somebody else's key, under the id of ours.
    ByAnother,
    /// With the public key as a shared secret.
    PublicKeyAsSecret,
    /// With our client's secret.
    ClientSecret,
    /// By the key, under another id.
    Kid(&'static str),
    /// By the key, with more in the header.
    Header(&'static str, Value),
}

/// What an endpoint answers instead.
#[derive(Clone, Copy)]
pub(crate) enum Instead {
    Redirect,
    Huge,
    Status(u16),
    Text(&'static str),
}

/// Who has an account there.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) sub: &'static str,
    /// `email`, `email_verified`, `name`.
    pub(crate) claims: Value,
}

/// Somebody whose address the provider knows to be theirs.
pub(crate) fn person(sub: &'static str, email: &str) -> Person {
    Person { sub, claims: json!({ "email": email, "email_verified": true, "name": "Ada L." }) }
}

/// With what the browser comes back.
#[derive(Clone)]
pub(crate) struct Back {
    pub(crate) state: String,
    pub(crate) code: String,
}

struct Grant {
    redirect_uri: String,
    nonce: String,
    challenge: String,
    person: Person,
}

struct State {
    issuer: String,
    secret: Option<&'static str>,
    kid: String,
    key: Key,
    codes: HashMap<String, Grant>,
    by_access_token: HashMap<String, Person>,
    asked: HashMap<String, usize>,
    number: usize,
    change: Option<Change>,
    sign: Sign,
    instead: HashMap<&'static str, Instead>,
    /// The keys that are published are not those that sign.
    hides_key: bool,
    in_body: bool,
    address_in_userinfo: bool,
}

/// The provider; it ends with the test's runtime.
pub(crate) struct TestProvider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    running: Option<JoinHandle<()>>,
}

impl TestProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            issuer: format!("http://{address}"),
            secret: Some(SECRET),
            kid: "one".to_owned(),
            key: Key::es256(),
            codes: HashMap::new(),
            by_access_token: HashMap::new(),
            asked: HashMap::new(),
            number: 0,
            change: None,
            sign: Sign::Well,
            instead: HashMap::new(),
            hides_key: false,
            in_body: false,
            address_in_userinfo: false,
        };
        let state = Arc::new(Mutex::new(state));
        let running = Some(tokio::spawn(serve(listener, state.clone())));
        Self { address, state, running }
    }

    pub(crate) fn issuer(&self) -> String {
        self.with(|state| state.issuer.clone())
    }

    /// How an operator describes it.
    pub(crate) fn config(&self) -> Value {
        let mut config = json!({
            "id": "corp", "name": "Corp SSO", "issuer": self.issuer(), "client_id": CLIENT,
            "redirect_uris": [CALLBACK, "http://127.0.0.1/callback"],
        });
        if let Some(secret) = self.with(|state| state.secret) {
            config["client_secret"] = json!(secret);
        }
        config
    }

    /// From now on our client has no secret.
    pub(crate) fn public_client(&self) {
        self.with(|state| state.secret = None);
    }

    /// Takes the secret in the body alone.
    pub(crate) fn secret_in_body(&self) {
        self.with(|state| state.in_body = true);
    }

    /// Tells addresses to those who ask for them, and in no token.
    pub(crate) fn address_in_userinfo(&self) {
        self.with(|state| state.address_in_userinfo = true);
    }

    pub(crate) fn sign(&self, sign: Sign) {
        self.with(|state| state.sign = sign);
    }

    pub(crate) fn change(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.with(|state| state.change = Some(Arc::new(change)));
    }

    /// Does everything right again.
    pub(crate) fn behave(&self) {
        self.with(|state| {
            state.change = None;
            state.sign = Sign::Well;
            state.instead.clear();
            state.hides_key = false;
        });
    }

    pub(crate) fn instead(&self, path: &'static str, instead: Instead) {
        self.with(|state| state.instead.insert(path, instead));
    }

    /// Signs by a new key from now on.
    pub(crate) fn rotate(&self, kid: &str, algorithm: &str) {
        let key = match algorithm {
            "RS256" => Key::rs256(),
            "EdDSA" => Key::eddsa(),
            _ => Key::es256(),
        };
        self.with(|state| (state.kid, state.key) = (kid.to_owned(), key));
    }

    /// Publishes no key.
    pub(crate) fn hide_key(&self) {
        self.with(|state| state.hides_key = true);
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.with(|state| state.asked.get(path).copied().unwrap_or(0))
    }

    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        drop(running.await);
    }

    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.running = Some(tokio::spawn(serve(listener, self.state.clone())));
    }

    /// Somebody signs in at the page that we have sent them to.
    pub(crate) async fn sign_in(&self, page: &str, person: &Person) -> Back {
        assert!(page.starts_with(&self.issuer()), "{page}");
        let claims = serde_json::to_vec(&person.claims).unwrap();
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .no_proxy()
            .build()
            .unwrap();
        let request = browser.get(page).header("person", person.sub);
        let reply = request.header("claims", STANDARD.encode(claims)).send().await.unwrap();
        assert_eq!(reply.status(), 302, "{page}");
        let location = reply.headers()["location"].to_str().unwrap();
        let query = query(location.split_once('?').unwrap().1);
        Back { state: query["state"].clone(), code: query["code"].clone() }
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.state.lock().unwrap())
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    // Dropped with this task, and with it whoever is connected.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let answer = hyper::service::service_fn(move |request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            let http = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            drop(http.await);
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: &Mutex<State>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = parts.uri.path();
    let mut state = state.lock().unwrap();
    *state.asked.entry(path.to_owned()).or_default() += 1;
    if let Some(instead) = state.instead.get(path) {
        return instead.answer(path);
    }
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match path {
        "/.well-known/openid-configuration" => json(200, &state.metadata()),
        "/keys" => json(200, &json!({ "keys": state.keys() })),
        "/authorize" => state.authorize(
            &query(parts.uri.query().unwrap_or_default()),
            header("person").unwrap_or_default(),
            header("claims").unwrap_or_default(),
        ),
        "/token" => {
            let form = query(std::str::from_utf8(&body).unwrap_or_default());
            match state.token(&form, header("authorization")) {
                Ok(tokens) => json(200, &tokens),
                Err((status, error)) => json(status, &json!({ "error": error })),
            }
        }
        "/userinfo" => {
            let token = header("authorization").and_then(|it| it.strip_prefix("Bearer "));
            match token.and_then(|token| state.by_access_token.get(token)) {
                Some(person) => {
                    let mut claims = person.claims.clone();
                    claims["sub"] = json!(person.sub);
                    json(200, &claims)
                }
                None => json(401, &json!({ "error": "invalid_token" })),
            }
        }
        _ => json(404, &json!({})),
    }
}

impl Instead {
    fn answer(self, path: &str) -> Answer {
        match self {
            Self::Redirect => Response::builder()
                .status(302)
                .header("location", format!("{path}-moved"))
                .body(Full::default())
                .unwrap(),
            Self::Huge => {
                let body = format!("{{\"x\":\"{}\"}}", "x".repeat(3 * 1024 * 1024));
                Response::builder()
                    .header("content-type", "application/json")
                    .body(Full::from(body))
                    .unwrap()
            }
            Self::Status(status) => json(status, &json!({ "error": "server_error" })),
            Self::Text(text) => Response::builder()
                .header("content-type", "application/json")
                .body(Full::from(text))
                .unwrap(),
        }
    }
}

fn json(status: u16, value: &Value) -> Answer {
    let reply = Response::builder().status(status).header("content-type", "application/json");
    reply.body(Full::from(value.to_string())).unwrap()
}

/// The pairs of a form, each with another name.
fn query(text: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

impl State {
    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let method = if self.in_body { "client_secret_post" } else { "client_secret_basic" };
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
            "token_endpoint_auth_methods_supported": [method],
            "claims_supported": ["sub", "email"],
        })
    }

    fn keys(&self) -> Vec<Value> {
        if self.hides_key {
            return Vec::new();
        }
        let mut key = self.key.public();
        (key["kid"], key["use"]) = (json!(self.kid), json!("sig"));
        // And one of a kind that nobody knows yet.
        vec![json!({ "kty": "new", "kid": "later" }), key]
    }

    fn authorize(&mut self, asked: &HashMap<String, String>, sub: &str, claims: &str) -> Answer {
        let is = |name: &str, value: &str| asked.get(name).is_some_and(|it| it == value);
        let scope = asked.get("scope").map(String::as_str).unwrap_or_default();
        let is_good = is("client_id", CLIENT)
            && is("response_type", "code")
            && is("code_challenge_method", "S256")
            && scope.split(' ').filter(|it| *it == "openid").count() == 1
            && ["state", "nonce", "code_challenge", "redirect_uri"]
                .iter()
                .all(|it| asked.contains_key(*it));
        if !is_good {
            return json(400, &json!({ "error": "invalid_request" }));
        }
        self.number += 1;
        let code = format!("code-{}", self.number);
        let claims = serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap();
        let person = Person { sub: String::from(sub).leak(), claims };
        let grant = Grant {
            redirect_uri: asked["redirect_uri"].clone(),
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            person,
        };
        self.codes.insert(code.clone(), grant);
        let back = format!("{}?state={}&code={code}", asked["redirect_uri"], asked["state"]);
        Response::builder().status(302).header("location", back).body(Full::default()).unwrap()
    }

    fn token(
        &mut self,
        form: &HashMap<String, String>,
        authorization: Option<&str>,
    ) -> Result<Value, (u16, &'static str)> {
        let of = |name: &str| form.get(name).map(String::as_str);
        let basic = authorization.and_then(|it| it.strip_prefix("Basic ")).map(|it| {
            let text = String::from_utf8(STANDARD.decode(it).unwrap()).unwrap();
            let (id, secret) = text.split_once(':').unwrap();
            // Both are encoded as in a form (RFC 6749, 2.3.1).
            let decoded = query(&format!("id={id}&secret={secret}"));
            (decoded["id"].clone(), decoded["secret"].clone())
        });
        let in_body = of("client_secret").map(|it| (CLIENT.to_owned(), it.to_owned()));
        let shown = if self.in_body { in_body } else { basic };
        let is_ours = match self.secret {
            Some(secret) => shown == Some((CLIENT.to_owned(), secret.to_owned())),
            None => shown.is_none() && of("client_id") == Some(CLIENT),
        };
        if !is_ours {
            return Err((401, "invalid_client"));
        }
        let grant = self.codes.remove(of("code").unwrap_or_default());
        let grant = grant.ok_or((400, "invalid_grant"))?;
        let verifier = of("code_verifier").unwrap_or_default();
        let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
        if of("grant_type") != Some("authorization_code")
            || of("redirect_uri") != Some(&grant.redirect_uri)
            || URL_SAFE_NO_PAD.encode(challenge) != grant.challenge
        {
            return Err((400, "invalid_grant"));
        }
        self.number += 1;
        let access_token = format!("access-{}", self.number);
        self.by_access_token.insert(access_token.clone(), grant.person.clone());
        Ok(json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": 300,
            "id_token": self.id_token(&grant),
        }))
    }

    fn id_token(&self, grant: &Grant) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": grant.person.sub, "nonce": grant.nonce,
            "iat": now, "exp": now + 300,
        });
        if !self.address_in_userinfo {
            for (name, value) in grant.person.claims.as_object().unwrap() {
                claims[name] = value.clone();
            }
        }
        if let Some(change) = &self.change {
            change(&mut claims);
        }
        let header = json!({ "alg": self.key.algorithm(), "kid": self.kid, "typ": "JWT" });
        let with = |name: &str, value: &Value| {
            let mut header = header.clone();
            header[name] = value.clone();
            header
        };
        let shared = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            put_together(&with("alg", &json!("HS256")), &claims, |text| {
                hmac::sign(&key, text).as_ref().to_vec()
            })
        };
        match &self.sign {
            Sign::Well => put_together(&header, &claims, |text| self.key.sign(text)),
            Sign::Nothing(alg) => put_together(&with("alg", &json!(alg)), &claims, |_| Vec::new()),
            Sign::Empty => put_together(&header, &claims, |_| Vec::new()),
            Sign::ByAnother => put_together(&header, &claims, |text| Key::es256().sign(text)),
            Sign::PublicKeyAsSecret => shared(&self.key.public_bytes()),
            Sign::ClientSecret => shared(SECRET.as_bytes()),
            Sign::Kid(kid) => {
                put_together(&with("kid", &json!(kid)), &claims, |text| self.key.sign(text))
            }
            Sign::Header(name, value) => {
                put_together(&with(name, value), &claims, |text| self.key.sign(text))
            }
        }
    }
}
