//! The trace that a request belongs to (W3C Trace Context).
//!
//! Only `traceparent` is read: nothing here has a state of its own to keep in
//! `tracestate`.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The length of version 00, which is that of the start of later ones too.
const LENGTH: usize = 55;
/// The only flag that is defined and concerns whoever passes it on.
const SAMPLED: u8 = 1;

/// Which trace, which step of it, and whether it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    is_sampled: bool,
}

impl TraceContext {
    /// The caller's, from the only `traceparent` if it is a good one. A bad one
    /// counts as none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.as_bytes()),
            _ => None,
        }
    }

    /// `00-<32 digits>-<16 digits>-<2 digits>`, in lower case. A later version may
    /// go on after that.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (start, rest) = text.split_at_checked(LENGTH)?;
        let dashes = [2, 35, 52].iter().all(|at| start[*at] == b'-');
        let [version] = hex(&start[..2])?;
        let is_known = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let trace = hex(&start[3..35])?;
        let span = hex(&start[36..52])?;
        let [flags] = hex(&start[53..])?;
        let is_good = dashes && is_known && trace != [0; 16] && span != [0; 8];
        is_good.then_some(Self { trace, span, is_sampled: flags & SAMPLED != 0 })
    }

    /// One of these parts.
    #[cfg(feature = "otlp")]
    pub(crate) fn new(trace: [u8; 16], span: [u8; 8], is_sampled: bool) -> Self {
        Self { trace, span, is_sampled }
    }

    /// A trace that begins here. Nobody keeps it, as far as is known.
    pub(crate) fn begin() -> Self {
        let trace = fastrand::u128(1..).to_be_bytes();
        Self { trace, span: span(), is_sampled: false }
    }

    /// The next step of the same trace.
    pub(crate) fn child(self) -> Self {
        Self { span: span(), ..self }
    }

    /// What tells another service of it.
    pub(crate) fn to_header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("digits and dashes are header text")
    }

    pub(crate) fn trace_id(self) -> Hex<16> {
        Hex::of(self.trace)
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn parts(&self) -> ([u8; 16], [u8; 8], bool) {
        (self.trace, self.span, self.is_sampled)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        let (trace, span) = (Hex::of(self.trace), Hex::of(self.span));
        write!(f, "00-{}-{}-{flags:02x}", trace.as_str(), span.as_str())
    }
}

/// At random, and never zero. It is to be another one each time, and no secret, so
/// the system need not be asked for it.
fn span() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Bytes as digits.
pub(crate) struct Hex<const N: usize>([[u8; 2]; N]);

impl<const N: usize> Hex<N> {
    fn of(bytes: [u8; N]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [[0; 2]; N];
        for (pair, byte) in digits.iter_mut().zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(digits)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.0.as_flattened()).expect("digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn good_ones_come_back_as_they_were() {
        let context = TraceContext::parse(GOOD.as_bytes()).expect("it is good");
        assert_eq!(context.to_header(), GOOD);
        assert_eq!(context.trace_id().as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        // Flags and fields that are not known yet.
        for (later, told) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", "01"),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", "00"),
            ("fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "01"),
        ] {
            let context = TraceContext::parse(later.as_bytes()).expect(later);
            assert_eq!(context.to_string(), format!("{}{told}", &GOOD[..53]));
        }
    }

    #[test]
    fn bad_ones_count_as_none() {
        let bad = [
            "",
            "00",
            &GOOD[..54],
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\u{e9}",
        ];
        for bad in bad {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::of(&headers), None);
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        assert!(TraceContext::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        assert_eq!(TraceContext::of(&headers), None, "two of them");
    }

    #[test]
    fn a_step_is_of_the_same_trace() {
        let first = TraceContext::begin();
        let second = first.child();
        assert_eq!(first.trace, second.trace);
        assert_ne!(first.span, second.span);
        assert_ne!(TraceContext::begin().trace, first.trace);
        for context in [first, second] {
            assert_eq!(TraceContext::parse(context.to_string().as_bytes()), Some(context));
        }
    }
}
