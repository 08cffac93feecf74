//! A device away from the school: it asks the real gate by TLS and HTTPS, and its token says whose rules count.

use crate::dns_clients::printed;
use crate::gate::Gate;
use model::Role;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use store::{Place, Store};
use testkit::upstream::{RecordType, Says, Upstream, a};

/// What the demo's gate is called.
const NAME: &str = "gate.schoolgate.test";
/// A device's token; a secret anywhere else.
const TOKEN: &str = "three-quiet-otters-0001";
/// Open to staff, closed to whoever is not known.
const FOR_STAFF: &str = "games.schoolgate.test";
/// A host of the school's own office, which its own server knows.
const OFFICE: &str = "rota.office.larkfield.example";

/// The id of a device that is lent to somebody with this role.
async fn device_of(gate: &Gate, role: Role) -> String {
    let place = Place::File(gate.folder.path().join("records.sqlite"));
    let store = Store::open(&place, model::Timestamp(0)).await.unwrap();
    let (people, devices) = (store.people().await.unwrap(), store.devices().await.unwrap());
    store.close().await;
    let has = |id| {
        people.iter().any(|person| {
            person.id == id && person.affiliations.iter().any(|affiliation| affiliation.role == role)
        })
    };
    devices.iter().find(|device| device.assigned_to.is_some_and(has)).unwrap().id.to_string()
}

#[tokio::test]
async fn a_device_with_a_token_has_its_groups_rules_by_tls_and_https_and_reaches_the_office_server() {
    let office =
        [((format!("{OFFICE}."), RecordType::A), Says::Records(vec![a(OFFICE, 60, [203, 0, 113, 40])]))];
    let office = Upstream::start(office.into()).await;
    let more = format!(
        "[dns.encrypted]\ntls_listen = [\"127.0.0.1:0\"]\nhttps_listen = [\"127.0.0.1:0\"]\n\
         [[dns.forward]]\nzone = \"office.larkfield.example\"\nupstreams = [\"{}\"]\n",
        office.address
    );
    let mut gate = Gate::start_with(&more).await;
    let secrets = gate.folder.path().join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let device = device_of(&gate, Role::ClassTeacher).await;
    let tokens = secrets.join("device-tokens");
    std::fs::write(&tokens, format!("{TOKEN} {device}\n")).unwrap();
    std::fs::set_permissions(&tokens, Permissions::from_mode(0o600)).unwrap();
    gate.stop().await;
    gate.start_again().await;

    let address = |name: &str| gate.address(name).parse::<SocketAddr>().unwrap();
    let (tls, https) = (address("dns_over_tls"), address("dns_over_https"));
    let roots = format!("+tls-ca={}", gate.address("authority"));
    let hostname = format!("+tls-hostname={NAME}");
    let ask = async |server, wire: &str, host: &str| {
        printed("kdig", server, &[&roots, &hostname, wire, "+edns", "+timeout=5", host]).await
    };
    let (nobody, own) = (format!("+https={NAME}/dns-query"), format!("+https={NAME}/dns-query/{TOKEN}"));
    let strange = format!("+https={NAME}/dns-query/{TOKEN}-not");
    for (server, wire) in [(tls, "+tls"), (https, &*nobody), (https, &*strange)] {
        let closed = ask(server, wire, FOR_STAFF).await;
        assert!(closed.contains("status: NXDOMAIN") && closed.contains("Filtered"), "{wire}: {closed}");
        let open = ask(server, wire, "reading.education.schoolgate.test").await;
        assert!(open.contains("status: NOERROR") && open.contains("203.0.113.7"), "{wire}: {open}");
    }
    for (host, answer) in [(FOR_STAFF, "127.0.0.1"), (OFFICE, "203.0.113.40")] {
        let open = ask(https, &own, host).await;
        assert!(open.contains("status: NOERROR") && open.contains(answer), "{host}: {open}");
    }
    let closed = ask(https, &own, "gambling.schoolgate.test").await;
    assert!(closed.contains("status: NXDOMAIN") && closed.contains("Gambling"), "{closed}");
}
