//! The services that a registry has at one moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[cfg(any(feature = "http", feature = "metrics"))]
use super::RefusedInstruments;
use super::Service;

/// The services that a registry had at one moment.
#[derive(Clone, Debug, Default)]
pub struct Services {
    in_order: Vec<Arc<Service>>,
    by_name: HashMap<String, usize>,
    /// For each name that was described, a service with all the events that it ever had. Those that
    /// come back go on from it.
    earlier: HashMap<String, Arc<Service>>,
    /// The names of services that nobody may register on first sight.
    reserved: HashSet<String>,
    /// Services that have gone since the lock was taken. Whoever gives it back drops them after it.
    gone: Vec<Arc<Service>>,
    /// What facades that record here couldn't record.
    #[cfg(any(feature = "http", feature = "metrics"))]
    refused: Option<Arc<RefusedInstruments>>,
}

impl Services {
    /// The service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Service>> {
        self.by_name.get(name).map(|&index| &self.in_order[index])
    }

    /// The services, in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Service>> {
        self.in_order.iter()
    }

    /// The number of services.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there is no service.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    pub(super) fn is_reserved(&self, name: &str) -> bool {
        self.reserved.contains(name)
    }

    /// Replaces the names that nobody may register on first sight.
    pub(super) fn reserve(&mut self, names: HashSet<String>) {
        self.reserved = names;
    }

    /// What a service of this name goes on from when it, or an event of it, comes back.
    pub(super) fn earlier(&self, name: &str) -> Option<&Arc<Service>> {
        self.earlier.get(name)
    }

    /// Sets what [`earlier`](Self::earlier) returns for the name of this service.
    pub(super) fn keep(&mut self, service: Arc<Service>) {
        self.gone.extend(self.earlier.insert(service.name().into(), service));
    }

    /// Where refusals of a facade are counted, made now if need be.
    #[cfg(feature = "metrics")]
    pub(super) fn refused_instruments(&mut self) -> Arc<RefusedInstruments> {
        Arc::clone(self.refused.get_or_insert_default())
    }

    /// What facades that record here have refused, by kind; nothing without a facade.
    #[cfg(feature = "http")]
    pub(crate) fn refused_by_kind(&self) -> Vec<(&'static str, u64)> {
        self.refused.iter().flat_map(|refused| refused.by_kind()).collect()
    }

    pub(super) fn put(&mut self, mut service: Service) -> Arc<Service> {
        service.settle();
        self.put_settled(Arc::new(service))
    }

    /// The same of a service that has been settled under this lock.
    pub(super) fn put_settled(&mut self, service: Arc<Service>) -> Arc<Service> {
        if let Some(&index) = self.by_name.get(service.name()) {
            self.gone.push(std::mem::replace(&mut self.in_order[index], Arc::clone(&service)));
        } else {
            self.by_name.insert(service.name().into(), self.in_order.len());
            self.in_order.push(Arc::clone(&service));
        }
        service
    }

    /// What is to be dropped without the lock: the source of a service can have a destructor that asks the
    /// registry.
    pub(super) fn take_gone(&mut self) -> Vec<Arc<Service>> {
        std::mem::take(&mut self.gone)
    }

    pub(super) fn let_go(&mut self, name: &str) {
        let gone = self.take(name);
        self.gone.extend(gone);
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Arc<Service>> {
        let index = self.by_name.remove(name)?;
        for later in self.by_name.values_mut().filter(|later| **later > index) {
            *later -= 1;
        }
        Some(self.in_order.remove(index))
    }
}

impl<'a> IntoIterator for &'a Services {
    type Item = &'a Arc<Service>;
    type IntoIter = std::slice::Iter<'a, Arc<Service>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
