//! Own candidates under new names: the half goes on under a new author epoch.

use super::body::Body;
use super::fold::{Scene, Touched};
use super::log::Order;
use super::{Cells, Ordered};
use crate::estp::dot::AuthorIndex;
use crate::estp::feed::Issue;
use std::sync::Arc;

impl Ordered {
    /// Writes as `new` from now on. Own candidates above `held`, the last number that the peer is known to hold, are written again, in their
    /// order, under numbers and stamps that `issue` gives: nothing may come behind what the other half has committed meanwhile, so that here the
    /// stamps are new, too. Returns them, and the cells that show something else now.
    pub fn begin_epoch<C: Cells>(
        &mut self,
        scene: &mut Scene<'_, C>,
        new: AuthorIndex,
        held: u64,
        mut issue: impl FnMut() -> Issue,
    ) -> (Vec<Arc<Body>>, Vec<Arc<str>>) {
        let old = std::mem::replace(&mut self.me, new);
        let mut touched = Touched::default();
        self.unwind(scene, &mut touched);
        let mut doubtful = Vec::new();
        for at in (0..self.log.len()).rev() {
            if self.log.get(at).is_some_and(|entry| entry.body.author == old && entry.body.number > held) {
                doubtful.extend(self.log.remove(at));
            }
        }
        let mut renewed = Vec::with_capacity(doubtful.len());
        for entry in doubtful.into_iter().rev() {
            let before = entry.body.key();
            self.removed.push(before);
            let Issue { number, stamp } = issue();
            let mut body = Body { author: new, number, stamp, ..(*entry.body).clone() };
            body.context.include(old, held);
            let body = Arc::new(body);
            self.renamed.values_mut().filter(|name| **name == before).for_each(|name| *name = body.key());
            self.renamed.insert(before, body.key());
            let position = (self.log.order() == Order::Anchor { here: true }).then_some(number);
            self.enter(Arc::clone(&body), scene.vector, number, position);
            renewed.push(body);
        }
        self.fold.bring_up_to_date(&mut self.log, scene, &mut self.flips, &mut touched);
        (renewed, touched.changed(scene.cells))
    }

    /// Gives up the log and all that is known beside it: the peer sends everything anew. The cells are the caller's to clear.
    pub fn forget_all(&mut self) {
        let kept = self.log.iter().chain(&self.retained).map(|entry| entry.body.key());
        let removed: Vec<_> = self.removed.iter().copied().chain(kept).collect();
        *self = Ordered { removed, ..Ordered::new(self.log.order(), self.limit, self.me) };
    }
}
