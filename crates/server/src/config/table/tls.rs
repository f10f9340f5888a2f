//! Directives of TLS, which is not served: a proxy on the same machine ends it.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const INSTEAD: &str =
    "TLS is not supported: end it in front of Ramekin (stunnel, haproxy) on the same machine.";
const OF_TLS: &str = "A setting of TLS, which is not supported.";

const fn text(name: &'static str) -> Directive {
    Directive::accepted(name, Kind::Text, "", OF_TLS)
}

pub(super) const ROWS: &[Directive] = &[
    Directive::refused("tls-port", Kind::PORT, "0", INSTEAD),
    Directive::refused("tls-replication", Kind::Bool, "no", INSTEAD),
    Directive::refused("tls-cluster", Kind::Bool, "no", INSTEAD),
    Directive::accepted("tls-auth-clients", Kind::Enum(&["no", "yes", "optional"]), "yes", OF_TLS),
    Directive::accepted("tls-auth-clients-user", Kind::Enum(&["CN", "URI", "off"]), "off", OF_TLS),
    Directive::accepted("tls-auto-reload-interval", Kind::COUNT, "0", OF_TLS),
    text("tls-ca-cert-dir"),
    text("tls-ca-cert-file"),
    text("tls-cert-file"),
    text("tls-ciphers"),
    text("tls-ciphersuites"),
    text("tls-client-cert-file"),
    text("tls-client-key-file"),
    text("tls-client-key-file-pass").sensitive(),
    text("tls-dh-params-file"),
    text("tls-key-file"),
    text("tls-key-file-pass").sensitive(),
    Directive::accepted("tls-prefer-server-ciphers", Kind::Bool, "no", OF_TLS),
    text("tls-protocols"),
    Directive::accepted("tls-session-cache-size", Kind::COUNT, "20480", OF_TLS),
    Directive::accepted("tls-session-cache-timeout", Kind::COUNT, "300", OF_TLS),
    Directive::accepted("tls-session-caching", Kind::Bool, "yes", OF_TLS),
];
