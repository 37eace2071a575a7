package scenariofile

// Fields of a kind of users and of a task.
const (
	kindFields = "name weight " + kindOnlyFields
	// kindOnlyFields are also valid at the top of a file that has one kind of users.
	kindOnlyFields = "wait start tasks"
	taskFields     = "name weight steps"
)

// Limits of the engine.
const (
	maxKinds  = 100
	maxWeight = 1000
)

// users reads the kinds of users: those under users, or the one whose tasks are at the top of the file.
func (f *fileReader) users(root node, fields map[string]node, sc *scope) []kind {
	list, ok := fields["users"]
	if !ok {
		return []kind{f.kind(root, fields, fields, sc)}
	}
	for _, name := range []string{"tasks", "start"} {
		if n, both := fields[name]; both {
			f.fail(n, "cannot be combined with users: move it into one of them")
		}
	}
	items := f.items(list)
	if len(items) == 0 && list.list() {
		f.fail(list, "needs at least one kind of users")
	}
	if len(items) > maxKinds {
		f.fail(list, "must not have more than %d kinds of users", maxKinds)
		return nil
	}
	kinds := make([]kind, 0, len(items))
	for _, item := range items {
		kinds = append(kinds, f.kind(item, f.object(item, kindFields), fields, sc))
	}
	return kinds
}

// kind reads one kind of users. Its default for wait is the one at the top of the file.
func (f *fileReader) kind(n node, fields, top map[string]node, sc *scope) kind {
	k := kind{name: "user", weight: 1}
	if v, ok := fields["name"]; ok && n.at != "" {
		k.name = f.staticText(v, "is the same for every user")
	}
	if v, ok := fields["weight"]; ok {
		k.weight = f.whole(v, 1, maxWeight)
	}
	wait, ok := fields["wait"]
	if !ok {
		wait, ok = top["wait"]
	}
	if ok {
		k.wait = f.wait(wait)
	}
	own := sc.kind()
	if v, ok := fields["start"]; ok {
		k.start = f.steps(v, own)
	}
	list, ok := fields["tasks"]
	switch {
	case !ok && n.mapping():
		f.fail(n, "needs tasks, a list of what users do")
	case ok:
		k.tasks = f.tasks(list, own)
	}
	k.slots = len(own.slots)
	return k
}

// tasks reads a list of tasks.
func (f *fileReader) tasks(n node, sc *scope) []task {
	items := f.items(n)
	if len(items) == 0 && n.list() {
		f.fail(n, "needs at least one task")
	}
	tasks := make([]task, 0, len(items))
	for _, item := range items {
		tasks = append(tasks, f.task(item, sc.task()))
	}
	return tasks
}

// task reads a task: a list of steps, or a single request.
func (f *fileReader) task(n node, sc *scope) task {
	t := task{weight: 1}
	known, all := taskFields, f.pairs(n)
	alone := !has(all, "steps")
	if alone {
		known += " " + stepFields
	}
	fields := f.known(all, known)
	if v, ok := fields["weight"]; ok {
		t.weight = f.whole(v, 1, maxWeight)
	}
	if alone {
		t.steps = []step{f.request(n, fields, sc)}
		t.name = t.steps[0].name
		return t
	}
	if v, ok := fields["name"]; ok {
		t.name = f.staticText(v, "is the same for every user")
	}
	t.steps = f.steps(fields["steps"], sc)
	return t
}
