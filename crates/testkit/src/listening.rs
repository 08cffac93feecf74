//! What a browser says of itself when it is ready: the address at which it is driven.

use crate::TestError;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

/// What stands behind `words` on the process's standard error, which is read to its end from then on.
///
/// # Errors
/// Where it says nothing of the kind in time, or ends before; with all that it said.
pub(crate) async fn address(
    process: &mut Child,
    words: &str,
    patience: Duration,
) -> Result<String, TestError> {
    let Some(stderr) = process.stderr.take() else {
        return Err(TestError::new("the browser has no standard error"));
    };
    let mut lines = BufReader::new(stderr).lines();
    let found = timeout(patience, async {
        let mut said = String::new();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix(words) {
                return Ok(address.to_owned());
            }
            said = said + "\n" + &line;
        }
        Err(TestError::new(format!("the browser ended before it was ready: {said}")))
    })
    .await
    .map_err(|_| TestError::new("the browser was not ready in time"))??;
    // Its further complaints must be read, or it would block on a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(found)
}
