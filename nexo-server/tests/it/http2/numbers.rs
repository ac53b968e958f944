//! H6: numbers that no machine holds, in the fields that are numbers, over both protocols.

use super::{Protocol, server};

const JSON: &str = "application/json";

#[tokio::test]
async fn h6_numbers_beyond_all_bounds() {
    let server = server().await;
    let user = server.register("ada").await;
    let numbers = [
        "1e400",
        "-1e400",
        "1e-400",
        "1E999999999999999999999",
        "\"1e400\"",
        "\"-1e400\"",
        "99999999999999999999999999999999999999999",
        "-99999999999999999999999999999999999999999",
        "32768",
        "1e4",
        "0.5",
        "-0.0",
    ];
    let digits = "9".repeat(500_000);
    let fields = [
        ("/api/employees", r#""employee_code":"e-1","name":"a""#, "salary_level", "3"),
        ("/api/suppliers", r#""company":"a""#, "rating", "3"),
        ("/api/professionals", r#""name":"a","currency":"EUR""#, "hourly_rate", "\"3\""),
        ("/api/projects", r#""name":"a","currency":"EUR""#, "budget", "\"3\""),
    ];
    // What is refused below is refused for its number.
    for (path, start, field, good) in fields {
        let body = format!(r#"{{{start},"{field}":{good}}}"#);
        let made = server.call("POST", path).by(&user).body(JSON, body).send().await;
        assert_eq!(made.status, 201, "{field}: {}", made.json());
    }
    for protocol in Protocol::ALL {
        for (path, start, field, _) in fields {
            for number in numbers.into_iter().chain([digits.as_str()]) {
                let excerpt = &number[..number.len().min(50)];
                let body = format!(r#"{{{start},"{field}":{number}}}"#);
                let batch = format!(
                    r#"{{"mode":"each","operations":[{{"op":"create","record":{body}}}]}}"#
                );
                let creates = server.call("POST", path).by(&user).body(JSON, body);
                let batches = server.call("POST", &format!("{path}/batch")).by(&user);
                for call in [creates, batches.body(JSON, batch)] {
                    let reply = protocol.send(call).await;
                    let is_refused = [400, 422].contains(&reply.status);
                    // Of a batch each is answered on its own.
                    let each = reply.status == 200
                        && reply.json()["results"][0]["status"].as_u64() == Some(422);
                    let what = String::from_utf8_lossy(&reply.body);
                    assert!(is_refused || each, "{protocol:?} {field} {excerpt}: {what}");
                    // A number that is one is refused as this field's.
                    let is_named = reply.status == 400 || what.contains(&format!("{field}\""));
                    assert!(is_named, "{protocol:?} {field} {excerpt}: {what}");
                    assert!(reply.body.len() < 1_500, "{field} {excerpt}: it repeats the body");
                }
            }
            for number in ["1e400", "-1e400", "99999999999999999999999999999999999999999"] {
                let call = server.get(&format!("{path}?{field}={number}")).by(&user);
                let reply = protocol.send(call).await;
                let seen = (reply.status, reply.problem());
                assert_eq!(seen, (400, "invalid_query".to_owned()), "{protocol:?} {field}");
            }
        }
    }
    for table in ["employees", "suppliers", "professionals", "projects"] {
        assert_eq!(server.rows(&format!("nexo.{table}")).await, 1, "{table}");
    }
}
