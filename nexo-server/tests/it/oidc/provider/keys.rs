//! The keys of the provider, and what they sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

pub(super) fn put_together(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Key {
    pub(super) fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    pub(super) fn rs256() -> Self {
        Self::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    pub(super) fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.public_key().as_ref().to_vec(),
            Self::EdDsa(key) => key.public_key().as_ref().to_vec(),
            Self::Rs256(key) => key.public_key().as_ref().to_vec(),
        }
    }

    pub(super) fn public(&self) -> Value {
        let (bytes, text) = (self.public_bytes(), |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes));
        match self {
            // An uncompressed point: 4, x, y.
            Self::Es256(_) => json!({
                "kty": "EC", "crv": "P-256", "x": text(&bytes[1..33]), "y": text(&bytes[33..]),
            }),
            Self::EdDsa(_) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(&bytes) }),
            // RSAPublicKey in DER: of 2048 bits, the modulus stands here, and the
            // exponent is 65537.
            Self::Rs256(_) => json!({ "kty": "RSA", "n": text(&bytes[9..265]), "e": "AQAB" }),
        }
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, text).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(text).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
        }
    }
}
