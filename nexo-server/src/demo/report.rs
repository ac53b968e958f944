//! What was made, and what to do with it.

use std::fmt::Write as _;
use std::time::Duration;

use nexo_core::demo::Filled;

use super::Registered;
use super::progress::grouped;
use crate::banner::callable;
use crate::config::Settings;

/// The end of it: counts if all was written, and how to log in.
pub(super) fn text(
    settings: &Settings,
    user: &Registered,
    filled: Option<&(Filled, Duration)>,
) -> String {
    let mut text = String::from("\n");
    match filled {
        Some((filled, took)) => {
            let (rows, seconds) = (grouped(filled.total()), took.as_secs_f64());
            line(&mut text, &format!("Made {rows} rows in {seconds:.1} s:"));
            for (what, rows) in filled.counts() {
                line(&mut text, &format!("  {:>11}  {what}", grouped(rows)));
            }
        }
        None => line(
            &mut text,
            "Not all of it was made. What was written stays, in an account with this user:",
        ),
    }
    let url = format!("http://{}", callable(settings.listen));
    let serve = match (&settings.data_dir, &settings.database_url) {
        (Some(folder), None) => {
            format!("nexo-server --data-dir {}", quoted(&folder.to_string_lossy()))
        }
        _ => "nexo-server".to_owned(),
    };
    let password = user.password.as_deref().unwrap_or("the one that you gave");
    let sent = user.password.as_deref().unwrap_or("…");
    let body = quoted(&format!(r#"{{"email":"{}","password":"{sent}"}}"#, user.email));
    line(
        &mut text,
        &format!(
            "
  E-mail:       {}
  Pass phrase:  {password}

It is shown this once. Next, start the server:

  {serve}

and in another shell log in, and look around:

  TOKEN=$(curl -s {url}/api/auth/login -H 'Content-Type: application/json' \\
    -d {body} \\
    | sed -n 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/p')
  curl -s {url}/api/clients -H \"Authorization: Bearer $TOKEN\"
  curl -s \"{url}/api/crm/search?q=garcia\" -H \"Authorization: Bearer $TOKEN\"
",
            user.email
        ),
    );
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("strings take all that is written");
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
}
