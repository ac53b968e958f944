//! One unambiguous host (RFC 9112, 3.2): proxies and caches must not see
//! another one than this server.

use http::Version;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};

pub(super) fn check(parts: &Parts) -> Outcome<()> {
    let target = parts.uri.authority();
    if target.is_some_and(|target| target.as_str().contains('@')) {
        return Err(refused("the request's target is malformed"));
    }
    let is_http2 = parts.version >= Version::HTTP_2;
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        // There it is the target's authority (RFC 9113, 8.3.1), but of what a proxy
        // was sent without one: that has its Host still (RFC 7540, 8.1.2.3).
        (None, _) if is_http2 && target.is_some() => return Ok(()),
        (None, _) if parts.version < Version::HTTP_11 => return Ok(()),
        (None, _) => return Err(refused("the Host header is missing")),
        (Some(_), Some(_)) => return Err(refused("there is more than one Host header")),
    };
    let host: Authority = host
        .to_str()
        .ok()
        .and_then(|host| host.parse().ok())
        .filter(|host: &Authority| !host.as_str().contains('@'))
        .ok_or_else(|| refused("the Host header is malformed"))?;
    match target {
        Some(target) if *target != host => {
            Err(refused("the Host header and the request's target name different hosts"))
        }
        _ => Ok(()),
    }
}

fn refused(detail: &'static str) -> Failure {
    Failure::new(ErrorCode::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn verdict(uri: &str, version: Version, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        check(&parts).is_ok()
    }

    #[test]
    fn exactly_one_host_that_agrees() {
        let v11 = Version::HTTP_11;
        assert!(verdict("/", v11, &["localhost:4000"]));
        assert!(verdict("/", v11, &["[::1]:4000"]));
        assert!(verdict("http://nexo.test/", v11, &["NEXO.test"]));
        assert!(verdict("/", Version::HTTP_10, &[]));
        assert!(!verdict("/", v11, &[]));
        assert!(!verdict("/", v11, &["a", "b"]));
        assert!(!verdict("/", v11, &["a", "a"]));
        for malformed in ["", "a b", "user@a", "a/b", "a,b c"] {
            assert!(!verdict("/", v11, &[malformed]), "{malformed:?}");
        }
        assert!(!verdict("http://nexo.test/", v11, &["other.test"]));
    }

    #[test]
    fn one_authority_and_no_other_host() {
        let v2 = Version::HTTP_2;
        assert!(verdict("http://nexo.test/", v2, &[]));
        assert!(verdict("http://nexo.test/", v2, &["nexo.test"]));
        assert!(!verdict("http://nexo.test/", v2, &["other.test"]));
        assert!(!verdict("http://nexo.test/", v2, &["nexo.test", "other.test"]));
        assert!(!verdict("http://nexo.test/", v2, &["nexo.test", "nexo.test"]));
        assert!(!verdict("http://ada@nexo.test/", v2, &[]));
        assert!(verdict("/", v2, &["nexo.test"]));
        assert!(!verdict("/", v2, &[]));
        assert!(!verdict("/", v2, &["nexo.test", "nexo.test"]));
        assert!(!verdict("/", v2, &["ada@nexo.test"]));
    }
}
