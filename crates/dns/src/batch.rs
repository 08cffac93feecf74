//! Datagrams in batches: many for one call of the system (`recvmmsg(2)`, `sendmmsg(2)`), and each answer sent from the
//! address that was asked (`ip(7)`, `IP_PKTINFO`; `ipv6(7)`, `IPV6_RECVPKTINFO`).
//!
//! Linux only. Invariants: the arrays that the system writes into belong to one [`Mail`], never move while it lives, and
//! keep their size; of what it wrote only the bytes it says it wrote are read.
#![expect(
    unsafe_code,
    reason = "the standard library neither sends nor receives in batches, nor control messages"
)]

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr;

/// Room for one control message with an address (`CMSG_SPACE` of the larger, 40 bytes), and some more.
const CONTROL_BYTES: usize = 64;
/// Keeps the places of a batch from lying on the same lines of the processor's cache.
const STRIDE_BYTES: usize = 64;

/// A batch of datagrams: first received, then answered.
pub(crate) struct Mail {
    place_bytes: usize,
    bytes: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    received: usize,
    replies: Vec<(usize, Range<usize>)>,
    reply_vectors: Vec<libc::iovec>,
    reply_headers: Vec<libc::mmsghdr>,
}

/// Where a datagram came from, and the address it was sent to: an answer goes the same way back.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    name: libc::sockaddr_storage,
    name_bytes: libc::socklen_t,
    control: Control,
    control_bytes: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Asks the system to say to which address each datagram was sent; for a socket that listens on all of them.
pub(crate) fn tell_destinations(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = match socket.local_addr()? {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set_option(socket, (level, option), 1)
}

fn set_option(
    socket: &UdpSocket,
    (level, option): (libc::c_int, libc::c_int),
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is a `c_int`, which lives until the call returns, and its length is given rightly.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            length_of::<libc::c_int>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks the system never to send a datagram in pieces, which somebody else could add to (RFC 9715), and to believe nobody who
/// says that the way is narrower: our answers fit every link there is. It also spares the number each piece would carry.
pub(crate) fn send_whole(socket: &UdpSocket) -> io::Result<()> {
    let (level, option, probe) = match socket.local_addr()? {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE),
    };
    set_option(socket, (level, option), probe)
}

impl Mail {
    /// Room for `places` datagrams of `most_bytes`; longer ones are cut, and then are `most_bytes` long.
    pub(crate) fn new(places: usize, most_bytes: usize) -> Self {
        let place_bytes = most_bytes.next_multiple_of(STRIDE_BYTES) + STRIDE_BYTES;
        // SAFETY: all of these are plain C structures of numbers and pointers, for which zeros are a value.
        let (name, header, vector) = unsafe {
            (
                std::mem::zeroed::<libc::sockaddr_storage>(),
                std::mem::zeroed::<libc::mmsghdr>(),
                std::mem::zeroed::<libc::iovec>(),
            )
        };
        let mut mail = Self {
            place_bytes,
            bytes: vec![0; places * place_bytes],
            names: vec![name; places],
            controls: vec![Control([0; CONTROL_BYTES]); places],
            vectors: vec![vector; places],
            headers: vec![header; places],
            received: places,
            replies: Vec::with_capacity(places),
            reply_vectors: Vec::with_capacity(places),
            reply_headers: Vec::with_capacity(places),
        };
        for (vector, place) in mail.vectors.iter_mut().zip(mail.bytes.chunks_exact_mut(place_bytes)) {
            *vector = libc::iovec { iov_base: place.as_mut_ptr().cast(), iov_len: most_bytes };
        }
        mail
    }

    /// Waits for a datagram and takes what else is there; how many came. The last batch is gone with this.
    ///
    /// # Errors
    /// What the system says; `WouldBlock` and `Interrupted` where none came in the socket's time.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.replies.clear();
        self.make_room();
        let places = libc::c_uint::try_from(self.headers.len()).unwrap_or(1);
        // SAFETY: `headers` holds `places` headers. Each points to a name, a vector and a control message of its own,
        // with their true sizes, in arrays that belong to `self` and never grow; the vector points to a place of its
        // own in `bytes`. Nothing else refers to any of them during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                places,
                libc::MSG_WAITFORONE,
                ptr::null_mut(),
            )
        };
        // Negative for an error.
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// Points the headers the last call has used to their places again.
    fn make_room(&mut self) {
        let places =
            self.headers.iter_mut().zip(&mut self.names).zip(&mut self.controls).zip(&mut self.vectors);
        for (((header, name), control), vector) in places.take(self.received) {
            header.msg_len = 0;
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = length_of::<libc::sockaddr_storage>();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
            header.msg_hdr.msg_flags = 0;
        }
        self.received = 0;
    }

    /// A datagram of the batch, and who sent it.
    pub(crate) fn letter(&self, place: usize) -> Option<(&[u8], IpAddr)> {
        if place >= self.received {
            return None;
        }
        let length = usize::try_from(self.headers.get(place)?.msg_len).ok()?;
        let start = place * self.place_bytes;
        let bytes = self.bytes.get(start..start.checked_add(length)?)?;
        Some((bytes, address(self.names.get(place)?)?))
    }

    /// The way back to who sent a datagram, for an answer that is not ready yet.
    pub(crate) fn peer(&self, place: usize) -> Option<Peer> {
        let header = self.headers.get(place)?.msg_hdr;
        let mut peer = Peer {
            name: *self.names.get(place)?,
            name_bytes: header.msg_namelen,
            control: *self.controls.get(place)?,
            control_bytes: header.msg_controllen.min(CONTROL_BYTES),
        };
        any_interface(&mut peer.control, peer.control_bytes);
        Some(peer)
    }

    /// Notes the answer to a datagram: where it lies in the bytes that [`Mail::send`] will be given.
    pub(crate) fn reply(&mut self, place: usize, range: Range<usize>) {
        self.replies.push((place, range));
    }

    /// Sends the answers that were noted; how many could not be sent.
    pub(crate) fn send(&mut self, socket: &UdpSocket, bytes: &[u8]) -> usize {
        self.reply_vectors.clear();
        self.reply_headers.clear();
        for (place, range) in &self.replies {
            let (Some(answer), Some(control), Some(header)) =
                (bytes.get(range.clone()), self.controls.get_mut(*place), self.headers.get(*place))
            else {
                continue;
            };
            let mut header = *header;
            any_interface(control, header.msg_hdr.msg_controllen);
            if header.msg_hdr.msg_controllen == 0 {
                header.msg_hdr.msg_control = ptr::null_mut();
            }
            header.msg_hdr.msg_flags = 0;
            self.reply_vectors
                .push(libc::iovec { iov_base: answer.as_ptr().cast_mut().cast(), iov_len: answer.len() });
            self.reply_headers.push(header);
        }
        for (header, vector) in self.reply_headers.iter_mut().zip(&mut self.reply_vectors) {
            header.msg_hdr.msg_iov = vector;
        }
        self.send_noted(socket)
    }

    fn send_noted(&mut self, socket: &UdpSocket) -> usize {
        let (mut done, mut failed) = (0, 0);
        while let Some(rest) = self.reply_headers.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let count = libc::c_uint::try_from(rest.len()).unwrap_or(1);
            // SAFETY: `rest` holds `count` headers. Each points to a name and a control message as the system itself
            // wrote them, and to a vector over bytes of the caller; all live until the call returns, and the system
            // only reads them.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), count, 0) };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => done += sent,
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // The first of the rest cannot be sent: its client is gone, or has no route. The others can.
                _ => {
                    done += 1;
                    failed += 1;
                }
            }
        }
        failed
    }
}

/// Sends one answer the way its question came, without waiting.
///
/// # Errors
/// What the system says.
pub(crate) fn send_back(socket: &UdpSocket, bytes: &[u8], peer: &mut Peer) -> io::Result<()> {
    let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a plain C structure, for which zeros are a value.
    let mut header = unsafe { std::mem::zeroed::<libc::msghdr>() };
    header.msg_name = ptr::from_mut(&mut peer.name).cast();
    header.msg_namelen = peer.name_bytes;
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    if peer.control_bytes > 0 {
        header.msg_control = peer.control.0.as_mut_ptr().cast();
        header.msg_controllen = peer.control_bytes;
    }
    // SAFETY: the header points to a name and a control message as the system itself wrote them, and to a vector over
    // `bytes`; all live until the call returns, and the system only reads them.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Leaves the choice of the interface to the routes: a control message that came names the one the question came by.
fn any_interface(control: &mut Control, control_bytes: usize) {
    if control_bytes == 0 {
        return;
    }
    // SAFETY: a plain C structure, for which zeros are a value.
    let mut header = unsafe { std::mem::zeroed::<libc::msghdr>() };
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control_bytes.min(CONTROL_BYTES);
    // SAFETY: the header's control bytes are those of `control`, aligned as a control message is, and were written by
    // the system; `CMSG_FIRSTHDR` gives null where they are too few for one. The content of the two kinds is read and
    // written only where the message's own length says that it is there, at an address that need not be aligned.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        if message.is_null() {
            return;
        }
        let holds =
            |bytes: u32| (*message).cmsg_len >= usize::try_from(libc::CMSG_LEN(bytes)).unwrap_or(usize::MAX);
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if holds(length_of::<libc::in_pktinfo>()) => {
                let content = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                let mut place = content.read_unaligned();
                place.ipi_ifindex = 0;
                content.write_unaligned(place);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if holds(length_of::<libc::in6_pktinfo>()) => {
                let content = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                let mut place = content.read_unaligned();
                // An address of a link is nothing without its link.
                if place.ipi6_addr.s6_addr.first_chunk() != Some(&[0xfe, 0x80]) {
                    place.ipi6_ifindex = 0;
                    content.write_unaligned(place);
                }
            }
            _ => {}
        }
    }
}

fn address(name: &libc::sockaddr_storage) -> Option<IpAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the storage is larger than this kind of address and aligned for every kind; its family says that
            // the system has written this one.
            let v4 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            Some(IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            Some(IpAddr::from(v6.sin6_addr.s6_addr).to_canonical())
        }
        _ => None,
    }
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn client(server: SocketAddr, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.connect(server).unwrap();
        socket
    }

    fn receive(socket: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 100];
        let length = socket.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    #[test]
    fn a_batch_is_answered_each_from_the_address_that_was_asked() {
        for (listen, asked) in [("0.0.0.0:0", ["127.0.0.1", "127.0.0.9"]), ("[::]:0", ["::1", "::1"])] {
            let server = UdpSocket::bind(listen).unwrap();
            tell_destinations(&server).unwrap();
            let port = server.local_addr().unwrap().port();
            let clients = asked.map(|to| client(SocketAddr::new(to.parse().unwrap(), port), asked[0]));
            let mut mail = Mail::new(4, 10);
            // Twice, for the second batch lies where the first one was.
            for round in [b"one ", b"two "] {
                clients.iter().for_each(|client| assert_eq!(client.send(round).unwrap(), 4));
                let mut answers = Vec::new();
                let mut seen = 0;
                while seen < clients.len() {
                    let count = mail.receive(&server).unwrap();
                    for place in 0..count {
                        let (bytes, from) = mail.letter(place).unwrap();
                        assert_eq!((bytes, from), (&round[..], asked[0].parse().unwrap()));
                        let start = answers.len();
                        answers.extend_from_slice(bytes);
                        answers.extend_from_slice(b"back");
                        mail.reply(place, start..answers.len());
                    }
                    assert!(mail.letter(count).is_none());
                    assert_eq!(mail.send(&server, &answers), 0);
                    seen += count;
                }
                clients.iter().for_each(|client| assert_eq!(receive(client), [&round[..], b"back"].concat()));
            }
            clients[1].send(b"later").unwrap();
            assert_eq!(mail.receive(&server).unwrap(), 1);
            let mut peer = mail.peer(0).unwrap();
            send_back(&server, b"here", &mut peer).unwrap();
            assert_eq!(receive(&clients[1]), b"here");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_silence_is_an_error() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let mut mail = Mail::new(2, 10);
        assert_eq!(mail.receive(&server).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(mail.letter(0).is_none());
        client(server.local_addr().unwrap(), "127.0.0.1").send(&[7; 50]).unwrap();
        assert_eq!(mail.receive(&server).unwrap(), 1);
        assert_eq!(mail.letter(0).unwrap().0, [7; 10]);
    }
}
