//! Writing HTML in which no text can become markup.

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    /// Markup of this program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, also within quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Text in which backticks hold code.
    pub(super) fn line(&mut self, text: &str) -> &mut Self {
        for (at, part) in text.split('`').enumerate() {
            if at % 2 == 0 {
                self.text(part);
            } else {
                self.raw("<code>").text(part).raw("</code>");
            }
        }
        self
    }

    /// Paragraphs of such text.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            self.raw("<p>").line(paragraph).raw("</p>");
        }
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The anchor of something of a kind.
pub(super) fn slug(kind: &str, name: &str) -> String {
    format!("{kind}-{}", name.replace(' ', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut html = Html::new();
        html.raw("<p>").line("a `<b>` & \"c\"").raw("</p>");
        assert_eq!(html.finish(), "<p>a <code>&lt;b&gt;</code> &amp; &quot;c&quot;</p>");
    }
}
