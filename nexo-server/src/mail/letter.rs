//! What is written to whom.

use std::fmt;
use std::time::Duration;

use nexo_core::model::{MailedToken, NewInvitation, Profile};

/// A letter with a token in it.
pub(crate) struct Letter {
    /// What it is for, in logs.
    pub(super) kind: &'static str,
    pub(super) to: String,
    pub(super) name: Option<String>,
    pub(super) subject: String,
    /// What it begins with.
    opening: String,
    /// The page that takes the token.
    page: &'static str,
    token: String,
    /// What it ends with.
    closing: String,
}

impl Letter {
    pub(crate) fn password_reset(mailed: MailedToken) -> Self {
        let good_for = told(mailed.good_for);
        Self {
            kind: "password_reset",
            subject: "Set a new password".to_owned(),
            opening: "somebody asked to set a new password for this address. If it was you:".into(),
            page: "reset-password",
            closing: format!(
                "It works once, for {good_for}. If it was not you, do nothing: nothing has changed."
            ),
            to: mailed.email,
            name: Some(plain(&mailed.name)).filter(|name| !name.is_empty()),
            token: mailed.token,
        }
    }

    pub(crate) fn email_verification(mailed: MailedToken) -> Self {
        let good_for = told(mailed.good_for);
        Self {
            kind: "email_verification",
            subject: "Confirm your address".to_owned(),
            opening: "somebody registered with this address. If it was you, confirm it:".into(),
            page: "verify-email",
            closing: format!("It works once, for {good_for}. If it was not you, do nothing."),
            to: mailed.email,
            name: Some(plain(&mailed.name)).filter(|name| !name.is_empty()),
            token: mailed.token,
        }
    }

    /// Of somebody who may not be known, to somebody who is not known at all.
    pub(crate) fn invitation(invited: NewInvitation, by: Option<&Profile>) -> Self {
        let who = match by {
            Some(by) => {
                format!("{} invites you to {}", plain(&by.user.name), plain(&by.account.name))
            }
            None => "you are invited to an account".to_owned(),
        };
        Self {
            kind: "invitation",
            subject: "An invitation".to_owned(),
            opening: format!("{who}. To accept:"),
            page: "accept-invitation",
            closing:
                "It works once, for seven days. If you do not know why you get this, do nothing."
                    .to_owned(),
            to: invited.invitation.email,
            name: None,
            token: invited.token,
        }
    }

    /// The token stands behind a `#`, which browsers send to no server, so that
    /// none writes it to a log.
    pub(super) fn text(&self, public_url: Option<&str>) -> String {
        let hello = match &self.name {
            Some(name) => format!("Hello {name},"),
            None => "Hello,".to_owned(),
        };
        let show = match public_url {
            Some(url) => format!("{url}/{}#{}", self.page, self.token),
            None => self.token.clone(),
        };
        format!("{hello}\n\n{}\n\n{show}\n\n{}\n", self.opening, self.closing)
    }
}

/// A name that others have chosen, so that nobody can have us mail a link or a
/// paragraph of theirs to whom they like.
fn plain(name: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '&' | ',');
    let text: String = name.chars().map(|c| if kept(c) { c } else { ' ' }).take(60).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told(time: Duration) -> String {
    match time.as_secs() / 60 {
        minutes if minutes < 120 => format!("{minutes} minutes"),
        minutes if minutes < 48 * 60 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / 60 / 24),
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailed(name: &str) -> MailedToken {
        MailedToken {
            email: "ada@example.com".to_owned(),
            name: name.to_owned(),
            token: "nxp_x".to_owned(),
            good_for: Duration::from_secs(1800),
        }
    }

    #[test]
    fn a_link_has_its_token_where_no_server_sees_it() {
        let letter = Letter::password_reset(mailed("Ada"));
        let text = letter.text(Some("https://crm.example.com"));
        assert!(text.starts_with("Hello Ada,\n\n"), "{text}");
        assert!(text.contains("\n\nhttps://crm.example.com/reset-password#nxp_x\n\n"), "{text}");
        assert!(text.contains("It works once, for 30 minutes."), "{text}");
        assert!(letter.text(None).contains("\n\nnxp_x\n\n"));
        assert!(!format!("{letter:?}").contains("nxp_x"));
    }

    #[test]
    fn nobody_has_us_mail_what_they_like() {
        let name = "Win http://evil.example/now\r\n\r\nClick";
        let text = Letter::password_reset(mailed(name)).text(None);
        assert!(text.starts_with("Hello Win http evil example now Click,\n\n"), "{text}");
        assert_eq!(plain(&"x".repeat(100)).len(), 60);
        assert_eq!(plain("Jean-Luc O'Neill & Søn, 株式会社"), "Jean-Luc O'Neill & Søn, 株式会社");
    }
}
