//! What was made, and what to do with it.

use std::fmt::Write as _;
use std::time::Duration;

use nexo_core::demo::Filled;

use super::Registered;
use super::progress::grouped;
use crate::banner::callable;
use crate::config::Settings;

/// The end of it: counts if all was written, who can log in, and how.
pub(super) fn text(
    settings: &Settings,
    user: &Registered,
    filled: Option<&(Filled, Duration)>,
) -> String {
    format!("\n{}\n{}\n{}\n", made(filled), credentials(user), first_steps(settings, user))
}

fn made(filled: Option<&(Filled, Duration)>) -> String {
    let Some((filled, took)) = filled else {
        return "Not all of it was made. What was written stays, in the account of this user:\n"
            .to_owned();
    };
    let mut text =
        format!("Made {} rows in {:.1} s:\n\n", grouped(filled.total()), took.as_secs_f64());
    for (what, rows) in filled.counts() {
        writeln!(text, "{:>11}  {what}", grouped(rows)).expect("strings take all that is written");
    }
    text
}

fn credentials(user: &Registered) -> String {
    let password = match &user.password {
        Some(made) => format!("{made}  (shown this once)"),
        None => "the one that you gave".to_owned(),
    };
    format!("  E-mail:       {}\n  Pass phrase:  {password}\n", user.email)
}

fn first_steps(settings: &Settings, user: &Registered) -> String {
    let url = format!("http://{}", callable(settings.listen));
    let serve = match (&settings.data_dir, &settings.database_url) {
        (Some(folder), None) => {
            format!("nexo-server --data-dir {}", quoted(&folder.to_string_lossy()))
        }
        _ => "nexo-server".to_owned(),
    };
    let password = user.password.as_deref().unwrap_or("…");
    let login = format!(r#"{{"email":"{}","password":"{password}"}}"#, user.email);
    format!(
        r#"Start the server:

  {serve}

Then, in another shell, log in and look around:

  TOKEN=$(curl -s {url}/api/auth/login -H 'Content-Type: application/json' \
    -d {login} \
    | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
  curl -s {url}/api/clients -H "Authorization: Bearer $TOKEN"
  curl -s '{url}/api/crm/search?q=garcia' -H "Authorization: Bearer $TOKEN"
"#,
        login = quoted(&login),
    )
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_read_what_was_meant() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_pass_phrase_that_was_given_is_not_shown() {
        let user = |password: Option<&str>| Registered {
            email: "demo@example.com".to_owned(),
            password: password.map(str::to_owned),
        };
        assert!(credentials(&user(Some("six random words"))).contains("six random words"));
        assert!(credentials(&user(None)).contains("that you gave"));
        assert!(made(None).contains("What was written stays"));
    }
}
