//! Where an origin was reached, and whether lists know anything of that address.

use model::Host;
use policy::image::Image;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

/// The address of an origin. Connections that carry many requests keep it, as what lists know of it changes only with them.
pub(crate) struct Peer {
    host: Host,
    /// The image in which it is known not to be; 0 is none.
    unknown_in: AtomicU64,
}

impl Peer {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { host: Host::Address(IpAddr::to_canonical(&address.ip())), unknown_in: AtomicU64::new(0) }
    }

    /// The address.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Whether these lists say something of it, to whoever asks.
    pub(crate) fn is_listed(&self, image: &Image) -> bool {
        if self.unknown_in.load(Ordering::Relaxed) == image.serial() {
            return false;
        }
        let is_listed = !image.lookup(&self.host).is_empty();
        if !is_listed {
            self.unknown_in.store(image.serial(), Ordering::Relaxed);
        }
        is_listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, ListId, Timestamp};
    use policy::image::{Effect, ImageWriter, NewEntry, NewList, Reach, Weight};

    fn image(listed: &str) -> Image {
        let mut writer = ImageWriter::default();
        let (id, read_at) = (ListId::new("list"), Timestamp(0));
        let list = writer.list(NewList { id, name: "List".into(), read_at, dropped: Vec::new() }).unwrap();
        let (host, category) = (Host::parse(listed).unwrap(), Category::parse("gambling").unwrap());
        let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
        writer.push(list, NewEntry { host: &host, reach, effect, weight, category, line: 1 });
        Image::from_bytes(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn new_lists_are_asked_anew_and_the_same_ones_once() {
        let peer = Peer::at("[::ffff:198.51.100.7]:443".parse().unwrap());
        let (without, with) = (image("198.51.100.8"), image("198.51.100.7"));
        for (image, expected) in
            [(&without, false), (&without, false), (&with, true), (&with, true), (&without, false)]
        {
            assert_eq!(peer.is_listed(image), expected);
        }
    }
}
