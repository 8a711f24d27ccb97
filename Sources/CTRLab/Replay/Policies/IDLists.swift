/// Lists of ids from newest to oldest. An id is in one list at most; every operation takes constant
/// time.
struct IDLists {
    private struct Link {
        var newer: Int32 = -1
        var older: Int32 = -1
        var list: Int32 = -1
    }

    private struct List {
        var newest: Int32 = -1
        var oldest: Int32 = -1
        var count = 0
    }

    private var links: [Link]
    private var lists: [List]

    init(ids: Int, lists: Int) {
        links = Array(repeating: Link(), count: ids)
        self.lists = Array(repeating: List(), count: lists)
    }

    /// The list that an id is in; nil for none.
    func list(of id: Int) -> Int? {
        links[id].list < 0 ? nil : Int(links[id].list)
    }

    func count(_ list: Int) -> Int { list < lists.count ? lists[list].count : 0 }

    func oldest(_ list: Int) -> Int? {
        lists[list].oldest < 0 ? nil : Int(lists[list].oldest)
    }

    /// Puts an id that is in no list into one, as its newest; makes the list where there is none.
    mutating func add(_ id: Int, to list: Int) {
        while lists.count <= list { lists.append(List()) }
        let newest = lists[list].newest
        links[id] = Link(newer: -1, older: newest, list: Int32(list))
        if newest < 0 {
            lists[list].oldest = Int32(id)
        } else {
            links[Int(newest)].newer = Int32(id)
        }
        lists[list].newest = Int32(id)
        lists[list].count += 1
    }

    /// Takes an id out of the list that it is in.
    mutating func remove(_ id: Int) {
        let link = links[id]
        let list = Int(link.list)
        if link.newer < 0 {
            lists[list].newest = link.older
        } else {
            links[Int(link.newer)].older = link.older
        }
        if link.older < 0 {
            lists[list].oldest = link.newer
        } else {
            links[Int(link.older)].newer = link.newer
        }
        lists[list].count -= 1
        links[id] = Link()
    }

    mutating func move(_ id: Int, to list: Int) {
        remove(id)
        add(id, to: list)
    }

    mutating func removeOldest(_ list: Int) -> Int? {
        guard let id = oldest(list) else { return nil }
        remove(id)
        return id
    }
}
