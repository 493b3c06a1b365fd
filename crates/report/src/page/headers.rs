//! What a web server should send with the page.

/// The rule for what the page may load and run. `wasm-unsafe-eval` allows WebAssembly and no other
/// code made at run time.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' \
     'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'";

/// A web server whose configuration [`WebServer::headers`] writes.
///
/// See the example of [`WebServer::headers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebServer {
    /// nginx: for a `server` or `location` block.
    Nginx,
    /// Apache: for a `Directory` block or an `.htaccess` file; needs `mod_headers`.
    Apache,
}

impl WebServer {
    /// The lines of configuration. Pages and images are asked for anew each time, which costs an
    /// answer without a body while nothing has changed.
    ///
    /// ```
    /// use rblmap_report::page::WebServer;
    ///
    /// assert!(WebServer::Nginx.headers().contains("add_header Referrer-Policy no-referrer"));
    /// ```
    pub fn headers(self) -> String {
        let policy = format!("{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'");
        let headers = [
            ("Content-Security-Policy", policy.as_str()),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-cache"),
        ];
        let mut lines = match self {
            Self::Nginx => "types { application/octet-stream rbl; application/wasm wasm; \
                            text/html html; text/css css; text/javascript js; }\n"
                .to_owned(),
            Self::Apache => {
                "AddType application/wasm .wasm\nAddType application/octet-stream .rbl\n".to_owned()
            }
        };
        for (name, value) in headers {
            let quoted = if value.contains(' ') {
                format!("\"{value}\"")
            } else {
                value.to_owned()
            };
            lines.push_str(&match self {
                Self::Nginx => format!("add_header {name} {quoted} always;\n"),
                Self::Apache => format!("Header always set {name} {quoted}\n"),
            });
        }
        lines
    }
}
