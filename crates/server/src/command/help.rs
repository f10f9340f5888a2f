//! HELP subcommands: lines about a container's subcommands.

use crate::session::Replier;
use ramekin::Reply;

/// Writes each form of a subcommand, and under it what it does.
pub(super) fn write(out: &mut Replier<'_>, container: &str, forms: &[(&str, &str)]) {
    out.array(forms.len() * 2 + 3);
    out.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (form, what) in forms.iter().chain(&[("HELP", "Print this help.")]) {
        out.simple(form);
        out.simple(&format!("    {what}"));
    }
}
