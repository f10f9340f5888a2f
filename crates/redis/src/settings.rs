//! What is wrong with how a server is set up, for a store.

use crate::session::{Session, text_of};
use ramekin::store::StoreError;
use ramekin_resp::Frame;

/// What a server's settings may lose of what has settled. Nothing where it does not say how it is set up.
pub(crate) fn warnings(session: &mut Session) -> Result<Vec<String>, StoreError> {
    let mut said = Vec::new();
    for section in [b"memory".as_slice(), b"persistence"] {
        session.put(&[b"INFO", section]);
        match session.reply()? {
            Frame::Error(_) => {}
            frame => said.extend_from_slice(text_of(&frame).unwrap_or_default()),
        }
    }
    Ok(judge(&String::from_utf8_lossy(&said)))
}

fn judge(info: &str) -> Vec<String> {
    let value = |name: &str| {
        let line = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_end().to_owned());
        info.lines().find_map(line)
    };
    let mut found = Vec::new();
    if let Some(policy) = value("maxmemory_policy").filter(|policy| policy != "noeviction") {
        found.push(format!(
            "has maxmemory-policy {policy}: with a full memory it removes what has settled; set it to noeviction"
        ));
    }
    if value("aof_enabled").as_deref() == Some("0") {
        found.push(
            "has appendonly no: what has settled since its last snapshot is lost if it crashes; set it to yes".to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn settings_that_lose_data_are_named_and_others_are_not() {
        let said = |policy: &str, aof: u8| {
            judge(&format!(
                "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\n\r\naof_enabled:{aof}\r\n"
            ))
        };
        assert_eq!(said("noeviction", 1), Vec::<String>::new());
        assert_eq!(judge(""), Vec::<String>::new());
        assert!(said("allkeys-lru", 1)[0].contains("allkeys-lru"));
        assert!(said("noeviction", 0)[0].contains("appendonly"));
    }
}
