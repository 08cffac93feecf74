//! A part of a list of hashes, asked of a server by five digits.

use crate::tls_server::TlsServer;
use lists::{ListError, RangeServer};

#[tokio::test]
async fn five_digits_and_a_wish_for_padding_are_all_that_a_server_is_told() {
    let server = TlsServer::start().await;
    server.serve("/range/5BAA6", "", b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:3\r\n");
    for address in ["/range", "/range/"] {
        let range = RangeServer::new(&server.url(address), server.fetch().extra_roots).unwrap();
        assert!(range.ask("5BAA6").await.unwrap().starts_with("1E4C9B93"));
    }
    for request in server.requests() {
        assert!(request.starts_with("GET /range/5BAA6 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("add-padding: true\r\n"), "{request}");
    }
    let range = RangeServer::new(&server.url("/range"), server.fetch().extra_roots).unwrap();
    for more in ["5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", "5BAA", "../ab", ""] {
        assert!(matches!(range.ask(more).await, Err(ListError::Address { .. })), "{more}");
    }
    assert_eq!(server.requests().len(), 2, "nothing else was sent");
}

#[tokio::test]
async fn an_answer_is_bounded_and_comes_from_the_server_itself() {
    let server = TlsServer::start().await;
    server.serve("/range/00000", "", &vec![b'0'; 300 * 1024]);
    server.redirect("/range/11111", &server.url("/elsewhere"));
    server.fail("/range/22222", "503 Busy");
    let range = RangeServer::new(&server.url("/range"), server.fetch().extra_roots).unwrap();
    assert!(matches!(range.ask("00000").await, Err(ListError::TooLarge { .. })));
    assert!(matches!(range.ask("11111").await, Err(ListError::Redirections { .. })));
    assert!(matches!(range.ask("22222").await, Err(ListError::Status { found: 503 })));
    let strange = RangeServer::new(&server.url("/range"), Vec::new()).unwrap();
    assert!(matches!(strange.ask("00000").await, Err(ListError::Connect { .. })), "nobody vouches for it");
    for address in ["http://range.test/range", "https://range.test/?q=", "range.test", ""] {
        assert!(RangeServer::new(address, Vec::new()).is_err(), "{address}");
    }
}
