"""Whoever comes before a gate: decided here, by what is known here; let in by the same relay, interlock and record as by a person.

A camera tells a reading as soon as it is sure of it, which opens nothing that the lists do not open. A dead relay, a lost write, a
loop that is stuck or unknown leave the barrier to people, and say so. Needs no network, and no platform. One that is killed and
begins anew goes on with whoever is under way.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import structlog

from edgeguard.control.camera_views import ReadView
from edgeguard.control.command_views import BarrierView
from edgeguard.core.camera import CameraSpec
from edgeguard.core.errors import CommandRefused, EdgeguardError, Retryable, StoreError
from edgeguard.core.gate import Eye, GateSpec, OpensAt, PlateRule, Way, ZoneSpec
from edgeguard.core.gate_limits import GATE_CONFIRM_MS, GATE_LOOK_S, GATE_READ_OLD_MS, GATE_WAITING_MS
from edgeguard.core.gate_list import masked_plate, plain_plate
from edgeguard.core.ids import GateName
from edgeguard.core.item import Item
from edgeguard.core.limits import HOUR_MS
from edgeguard.rules import passage as passages
from edgeguard.rules import stays
from edgeguard.rules.gate import Decision, Moment, Read, Reason, Verdict, decide
from edgeguard.rules.passage import Phase, Told, Vehicle
from edgeguard.rules.stays import Stay, StayNews
from edgeguard.runtime.gate_arms import GateArms
from edgeguard.runtime.gate_book import OWNER as LISTS
from edgeguard.runtime.gate_book import GateBook
from edgeguard.runtime.gate_clock import OWNER as CLOCK
from edgeguard.runtime.gate_clock import GateClock
from edgeguard.runtime.gate_course import Course, Decided, only_way
from edgeguard.runtime.gate_items import PlateShaping, decision_facts, gate_item, stay_item
from edgeguard.runtime.gate_loop import has_loop, point_shown
from edgeguard.runtime.gate_passages import OWNER as PASSAGES
from edgeguard.runtime.gate_passages import GatePassages
from edgeguard.runtime.gate_stays import OWNER as STAYS
from edgeguard.runtime.gate_stays import GateStays
from edgeguard.runtime.gates import Gates
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import Batch

_log = structlog.get_logger()
_AGAIN_S: Final = 0.4
_TRIES: Final = 2


class Gatekeeper:
    """All gates that open by plates. `run` until cancelled; what is under way then is left to people."""

    def __init__(self, gateway: Gateway, gates: Gates, book: GateBook, inside: GateStays) -> None:
        self._gateway = gateway
        self._gates = gates
        self.book = book
        self.inside = inside
        self.shaping = PlateShaping()
        self._passages = GatePassages()
        self._courses: dict[GateName, Course] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._arms = GateArms(gateway, gates)
        self._unknown = False
        self._stirred = asyncio.Event()
        self._clock = GateClock(gateway)
        self._tidied_ms = 0

    def recall(self, states: Mapping[str, Mapping[str, bytes]] | None) -> None:
        """What the store has kept: lists, stays, and when the wall clock was last known to be right. None: it could not say yet;
        nobody is let in by a list until it can, and it is asked again."""
        self._unknown = states is None
        if states is None:
            return
        self.book.recall(states.get(LISTS, {}))
        self.inside.recall(states.get(STAYS, {}))
        self._resume(states.get(PASSAGES, {}))
        self._clock.recall(states.get(CLOCK, {}))

    def keep(self) -> None:
        """Hand everything to a store that has begun a new file."""
        self.book.keep()
        self.inside.keep()
        if under_way := self._passages.all():
            self._gateway.store.submit(Batch((), states=under_way))
        self._clock.keep()

    def forget(self, text: str) -> None:
        """What has been erased, in memory too."""
        text = plain_plate(text) or text
        self.book.forget(text)
        self.inside.forget(text)
        for course in self._courses.values():
            course.passage = passages.forgotten(course.passage, text)
            kept = [one for one in course.decisions if one.read.text is None or text not in (one.read.text, one.decision.near)]
            course.decisions.clear()
            course.decisions.extend(kept)

    def aliases(self, text: str) -> tuple[str, ...]:
        """What a plate is called otherwise: as lists and events spell it, and where only its hash has left the gateway."""
        plate = plain_plate(text)
        if plate is None:
            return ()
        return (*(() if plate == text else (plate,)), *self.shaping.hashes(self._gateway.site.cameras, plate))

    async def run(self) -> None:
        """Look at the loops and at the time: often while somebody is before a gate."""
        try:
            while True:
                busy = False
                self._arms.look()
                for gate in self.gates():
                    self._look(gate)
                    busy |= self.course(gate.name).is_busy(self._gateway.clock.now().boot_ms)
                await self._tidy()
                self._stirred.clear()
                try:
                    # Not wait_for, which (in Python 3.11) may swallow the cancelling of who is just woken.
                    async with asyncio.timeout(GATE_LOOK_S if busy else 1.0):
                        await self._stirred.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)

    def _resume(self, states: Mapping[str, bytes]) -> None:
        """Go on with what was under way when an earlier run ended."""
        for gate in self.gates():
            course = self.course(gate.name)
            if gate.name not in states or course.passage.phase is not Phase.IDLE:
                continue
            try:
                now = self._gateway.clock.now()
                news = self._passages.resume(gate.name, course, states[gate.name], now, has_loop=has_loop(gate))
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("gate.passage-unreadable", gate=gate.name, error=type(error).__name__)
                continue
            self._hear(gate, course, news)
            self._keep(gate, course)

    def _keep(self, gate: GateSpec, course: Course) -> None:
        """Let the store know who is under way."""
        if news := self._passages.news(gate.name, course, self._gateway.clock.now()):
            self._gateway.store.submit(Batch((), states=news))

    def gates(self) -> tuple[GateSpec, ...]:
        """Those that open by plates."""
        return tuple(gate for gate in self._gateway.site.gates if gate.plates is not None)

    def course(self, name: GateName) -> Course:
        """How a gate runs."""
        return self._courses.setdefault(name, Course())

    def zone_of(self, rule: PlateRule) -> ZoneSpec | None:
        """The zone behind a gate."""
        return next((zone for zone in self._gateway.site.parking.zones if zone.name == rule.zone), None)

    def moment(self) -> Moment:
        """What time it is, as far as anybody knows."""
        return self._clock.moment()

    def judge(self, rule: PlateRule, way: Way, read: Read) -> Decision:
        """What would be done now; others that are let in already, at any gate of the zone, count as inside."""
        inside = self.inside.zone(rule.zone)
        if way is Way.IN and rule.zone is not None:
            inside = stays.expected(inside, self._coming(rule.zone, read.text))
        return decide(self.book.lists, inside, rule, self.zone_of(rule), way, read, self.moment())

    def _coming(self, zone: str, but: str | None) -> Iterator[Stay]:
        now = self._gateway.clock.now()
        for gate in self.gates():
            if gate.plates is not None and gate.plates.zone == zone:
                passage = self.course(gate.name).passage
                for vehicle in (passage.vehicle, *(one for one, _ in passage.waiting)):
                    if vehicle is not None and vehicle.way is Way.IN and (but is None or vehicle.plate != but):
                        yield Stay(vehicle.plate or "", now, gate.name, vehicle.list_name, vehicle.bay)

    def camera(self, name: str) -> CameraSpec | None:
        """A camera by its name."""
        return next((camera for camera in self._gateway.site.cameras if camera.name == name), None)

    # --- from the cameras

    def see(self, camera: CameraSpec, view: ReadView) -> None:
        """A camera has read a plate, or has seen a vehicle whose plate it could not read."""
        now = self._gateway.clock.now()
        if view.boot != now.boot or now.boot_ms - view.boot_ms > GATE_READ_OLD_MS:
            _log.warning("gate.reading-late", camera=camera.name, id=view.id)
            return
        for gate in self.gates():
            rule = gate.plates
            for eye in () if rule is None else rule.eyes:
                if rule is not None and eye.camera == camera.name and eye.lane in ("", view.lane):
                    self._see(gate, rule, eye, camera, view)
                    self._keep(gate, self.course(gate.name))

    def _see(self, gate: GateSpec, rule: PlateRule, eye: Eye, camera: CameraSpec, view: ReadView) -> None:
        course, now = self.course(gate.name), self._gateway.clock.now()
        waits, earlier = f"{view.id} waits", course.decided(view.id)
        course.hear(view, eye.way, now.boot_ms)
        if view.id in course.seen and view.stage == "line" and earlier is not None:
            self._name(gate, course, earlier)
        self._pass_held(gate, course, earlier, view)
        if view.id in course.seen or (view.text is None and waits in course.seen) or view.direction == "away":
            return
        let_in = earlier is not None and earlier.is_let_in  # by a person, before it could be read
        if let_in or (view.stage in ("sure", "turned") and rule.opens_at is OpensAt.LINE):
            return
        read = Read(view.text, view.confidence, view.kind)
        decision = self.judge(rule, eye.way, read)
        exact = decision.verdict is Verdict.OPEN
        if exact and view.stage == "sure" and course.is_behind(view.id, eye.way, now.boot_ms):
            return
        course.seen.append(waits if view.stage == "waits" else view.id)
        if view.text is not None and passages.is_same(course.passage, view.text, now.boot_ms, exact=exact):
            _log.info("gate.same-vehicle", gate=gate.name, camera=camera.name, id=view.id)
            course.same(view.id)
            return
        if exact and view.stage == "turned":
            return  # an arm that rose now would rise for whoever else stands there
        if exact and self._loop_doubt(gate, course):
            decision = Decision(Verdict.ASK, Reason.LOOP, decision.entry)
        one = Decided(view.id, now, camera.name, eye.way, read, decision)
        course.decisions.appendleft(one)
        near = {} if decision.near is None else {"near": self.shaping.shape(camera, decision.near)[0]}
        self._tell(gate, one, "decided", decision_facts(decision) | near)
        said = f"{eye.way} {masked_plate(view.text or '')} {decision.verdict.value} ({decision.reason.value})"
        self._gateway.pipeline.note(now, f"{gate.name} {said}")
        if not (view.stage == "line" and self._name(gate, course, one)) and decision.verdict is Verdict.OPEN:
            self._let_in(gate, course, one)
        self._pass_held(gate, course, one, view)

    def _pass_held(self, gate: GateSpec, course: Course, one: Decided | None, view: ReadView) -> None:
        """At a gate that is held open whoever comes goes through; a text that nobody would trust is not counted as a plate."""
        comes = view.stage in ("line", "end") and view.direction != "away" and self._gates.held_ms(gate.name) > 0
        if comes and one is not None and not one.is_let_in:
            plate = None if one.decision.reason in (Reason.DOUBTFUL, Reason.NEAR) else one.read.text
            self._go_through(gate, course, self._vehicle_by_hand(gate, one, plate))

    def _go_through(self, gate: GateSpec, course: Course, vehicle: Vehicle) -> None:
        course.passage = replace(course.passage, last=vehicle, last_ms=self._gateway.clock.now().boot_ms)
        self._hear(gate, course, ((Told.PASSED, vehicle),))

    def _name(self, gate: GateSpec, course: Course, one: Decided) -> bool:
        """Whether a person has let this one in already: it crosses the line while the barrier is open for somebody unnamed."""
        named = passages.named(course.passage, self._vehicle_by_hand(gate, one, one.read.text))
        if named is None or one.read.text is None:
            return False
        course.passage, one.came = named, "confirmed"
        self._keep(gate, course)
        return True

    def _vehicle_by_hand(self, gate: GateSpec, one: Decided, plate: str | None) -> Vehicle:
        """One that a person lets in: by the list that would have, if any."""
        opens = frozenset() if gate.plates is None else gate.plates.opens
        on = self.book.lists.on(plate) if plate else ()
        return one.vehicle(plate, next((entry for entry in on if entry.kind in opens), None))

    def _let_in(self, gate: GateSpec, course: Course, one: Decided) -> None:
        vehicle = one.vehicle(one.read.text, one.decision.entry)
        if self._gates.held_ms(gate.name):
            self._go_through(gate, course, vehicle)
            return
        course.passage, news = passages.ask(course.passage, vehicle, self._gateway.clock.now().boot_ms)
        self._hear(gate, course, news)
        self._keep(gate, course)
        self._stirred.set()

    def _loop_doubt(self, gate: GateSpec, course: Course) -> bool:
        """Whether the loop is unknown or stuck, so that nothing may be opened by plate."""
        self._look_at_loop(gate, course)
        return has_loop(gate) and (course.passage.loop is None or course.passage.stuck)

    # --- at the barrier

    def _look(self, gate: GateSpec) -> None:
        course, rule = self.course(gate.name), gate.plates
        self._look_at_loop(gate, course)
        now_ms = self._gateway.clock.now().boot_ms
        if rule is not None:
            course.passage, news = passages.tick(course.passage, now_ms, rule.clear_within_ms, rule.loop_stuck_ms)
            self._hear(gate, course, news)
            self._keep(gate, course)

    def _look_at_loop(self, gate: GateSpec, course: Course) -> None:
        if has_loop(gate):
            now_ms = self._gateway.clock.now().boot_ms
            course.passage, news = passages.see_loop(course.passage, self._gates.loops.shown(gate), now_ms)
            is_held = bool(self._gates.held_ms(gate.name))
            self._hear(gate, course, tuple(one for one in news if not (is_held and one[0] is Told.TAILGATED)))
            for at_ms in course.over_loop(news, point_shown(self._gateway, gate.feedback), now_ms, is_held=is_held):
                at = self._gateway.clock.now().before((now_ms - at_ms) / 1000)
                self._emit(gate_item(at, "passed-unread", {"gate": gate.name, "id": None, "plate": None}))

    def _hear(self, gate: GateSpec, course: Course, news: passages.News) -> None:
        """Do and tell what a step has found."""
        for told, vehicle in news:
            if told is Told.OPEN and vehicle is not None:
                task = asyncio.create_task(self._open(gate, course, vehicle), name=f"gate {gate.name}")
                self._opening.add(task)
                task.add_done_callback(self._opened)
            elif told in (Told.PASSED, Told.PASSED_UNSEEN) and vehicle is not None:
                self._count(gate, course, vehicle, self._outcome(gate, course, vehicle, told.value))
            elif told in (Told.LOOP_STUCK, Told.LOOP_FREE):
                self._gates.loops.stuck(gate.name, ok=told is Told.LOOP_FREE)
            elif vehicle is not None:
                if told is Told.NOT_PASSED and has_loop(gate):
                    self._gates.loops.not_passed(gate.name, vehicle.plate or vehicle.id)
                self._emit(self._outcome(gate, course, vehicle, told.value))
            else:
                item = gate_item(self._gateway.clock.now(), told.value, {"gate": gate.name, "id": None})
                self._count(gate, course, Vehicle("", None, only_way(gate)), item)

    def _opened(self, task: "asyncio.Task[None]") -> None:
        self._opening.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            _log.error("gate.bug", task=task.get_name(), exc_info=bug)

    async def _open(self, gate: GateSpec, course: Course, vehicle: Vehicle) -> None:
        """Open for one vehicle. A refusal that passes by itself is waited for; what certainly moved nothing is tried once more."""
        begun_ms = self._gateway.clock.now().boot_ms
        tries = 0

        def acted() -> None:
            one = course.decided(vehicle.id)
            now_ms = self._gateway.clock.now().boot_ms
            if one is not None:
                one.ms = now_ms - one.at.boot_ms
            if has_loop(gate):  # without one it counts as gone through, which waits for the feedback
                course.passage, news = passages.opened(course.passage, vehicle, now_ms, has_loop=True)
                self._hear(gate, course, news)
                self._keep(gate, course)

        while course.passage.vehicle == vehicle and course.passage.phase is Phase.OPENING:
            tries += 1
            why = ""
            try:
                view = await self._gates.open_gate(gate.name, "plate", acted)
                why = "" if view.verified else view.detail
            except CommandRefused as error:
                late = self._gateway.clock.now().boot_ms - begun_ms > GATE_WAITING_MS
                if error.code in ("busy", "too-soon") and not late:
                    await asyncio.sleep(_AGAIN_S)
                    tries -= 1
                    continue
                why = str(error)
            except Retryable as error:
                why = str(error)
            except EdgeguardError as error:
                why, tries = str(error), _TRIES
            if not why or tries >= _TRIES:
                break
        self._end_opening(gate, course, vehicle, why)

    def _end_opening(self, gate: GateSpec, course: Course, vehicle: Vehicle, why: str) -> None:
        self._arms.ended(gate.name, why)
        if why:
            course.passage = passages.failed(course.passage, vehicle)
            self._keep(gate, course)
            self._emit(self._outcome(gate, course, vehicle, "not-opened", detail=why))
            return
        self._emit(self._outcome(gate, course, vehicle, "opened"))
        if not has_loop(gate):
            now_ms = self._gateway.clock.now().boot_ms
            course.passage, news = passages.opened(course.passage, vehicle, now_ms, has_loop=False)
            self._hear(gate, course, news)

    # --- by hand

    async def by_hand(self, name: str, by: str, pass_id: str = "") -> BarrierView:
        """A person opens a gate; with `pass_id` for that vehicle, which counts as let in. Refusals as `Gates.open_gate`."""
        gate = self._gates.find(name)
        course = self.course(gate.name)
        one = self._to_confirm(gate, course, pass_id) if pass_id else None
        view = await self._gates.open_gate(name, by)
        if view.feedback is not None:
            self._arms.ended(gate.name, "" if view.feedback else view.detail)
        if gate.plates is None:
            return view
        if one is not None:
            one.came = "confirmed"
            vehicle = self._vehicle_by_hand(gate, one, one.decision.near or one.read.text)
            self._tell(gate, one, "confirmed", decision_facts(one.decision) | {"by": by})
        else:
            vehicle = Vehicle(f"{passages.BY_HAND}{self._gateway.clock.now().boot_ms}", None, only_way(gate))
        if course.passage.phase in (Phase.IDLE, Phase.RESUMED):
            if course.passage.vehicle is not None:
                self._hear(gate, course, ((Told.UNSEEN, course.passage.vehicle),))
            now_ms = self._gateway.clock.now().boot_ms
            waiting = tuple(entry for entry in course.passage.waiting if entry[0].id != vehicle.id)
            course.passage = replace(course.passage, phase=Phase.OPENING, vehicle=vehicle, since_ms=now_ms, waiting=waiting)
            if has_loop(gate) and course.passage.loop is True:
                course.passage = replace(course.passage, phase=Phase.UNDER)
            course.passage, news = passages.opened(course.passage, vehicle, now_ms, has_loop=has_loop(gate))
            self._hear(gate, course, news)
            self._keep(gate, course)
            self._stirred.set()
        return view

    def _to_confirm(self, gate: GateSpec, course: Course, pass_id: str) -> Decided:
        one = course.decided(pass_id)
        if one is None or self._gateway.clock.now().boot_ms - one.at.boot_ms > GATE_CONFIRM_MS:
            raise CommandRefused("no-such-pass", f"no vehicle {pass_id} has waited at gate {gate.name} lately")
        if one.is_let_in:
            raise CommandRefused("let-in", f"vehicle {pass_id} was let in already")
        return one

    # --- counting and telling

    def _count(self, gate: GateSpec, course: Course, vehicle: Vehicle, item: Item) -> None:
        """It has gone through: a stay begins or ends, in one transaction with the event that tells so and with the passage."""
        passage = self._passages.news(gate.name, course, self._gateway.clock.now())
        rule = gate.plates
        if rule is None or rule.zone is None or vehicle.way is None:
            self._gateway.pipeline.emit(item, *passage)
            return
        at, zone = self._gateway.clock.now(), self.inside.zone(rule.zone)
        if vehicle.way is Way.IN:
            stay = Stay(vehicle.plate or "", at, gate.name, vehicle.list_name, vehicle.bay)
            step = stays.enter(zone, vehicle.plate, stay)
        else:
            step = stays.leave(zone, vehicle.plate, at)
        self.inside.take(rule.zone, step, (item, *self._stay_items(rule.zone, gate, step)), passage)

    def take_step(self, zone: str, step: stays.Step, by: str = "") -> tuple[StayNews, ...]:
        """A step of a zone that no vehicle at a gate has brought about comes into force and is told."""
        return self.inside.take(zone, step, self._stay_items(zone, None, step, by))

    def _stay_items(self, zone: str, gate: GateSpec | None, step: stays.Step, by: str = "") -> list[Item]:
        camera = None
        for one in (gate,) if gate is not None else self.gates():
            if one.plates is not None and one.plates.zone == zone and one.plates.eyes:
                camera = camera or self.camera(one.plates.eyes[0].camera)
        items = []
        for news in step[1]:
            plate, shape = self.shaping.shape(camera, news.plate)
            items.append(stay_item(news, zone, gate.name if gate is not None else "", plate, shape, by))
        return items

    def _outcome(self, gate: GateSpec, course: Course, vehicle: Vehicle, state: str, detail: str = "") -> Item:
        """What has become of a vehicle, and the event that tells it."""
        one = course.decided(vehicle.id)
        facts: dict[str, Any] = {"detail": detail} if detail else {}
        if one is None:  # let in by hand, or before the daemon began anew
            eyes = () if gate.plates is None else gate.plates.eyes
            seen_by = next((self.camera(eye.camera) for eye in eyes if eye.way is vehicle.way), None)
            plate, shape = self.shaping.shape(seen_by, vehicle.plate)
            told: dict[str, Any] = {"gate": gate.name, "id": vehicle.id, "plate": plate, "shape": shape}
            way = {} if vehicle.way is None else {"way": vehicle.way.value}
            return gate_item(self._gateway.clock.now(), state, told | way | facts)
        one.came = state
        if one.ms is not None and state == "opened":
            facts["relay_ms"] = one.ms
        return self._item(gate, one, state, facts)

    def _tell(self, gate: GateSpec, one: Decided, state: str, facts: Mapping[str, Any]) -> None:
        self._emit(self._item(gate, one, state, facts))

    def _item(self, gate: GateSpec, one: Decided, state: str, facts: Mapping[str, Any]) -> Item:
        camera = self.camera(one.camera)
        plate, shape = self.shaping.shape(camera, one.read.text)
        told = {"gate": gate.name, "id": one.id, "camera": one.camera, "way": one.way.value, "plate": plate, "shape": shape}
        return gate_item(self._gateway.clock.now(), state, {**told, "confidence": round(one.read.confidence, 3), **facts})

    def _emit(self, item: Item) -> None:
        self._gateway.pipeline.emit(item)

    async def _tidy(self) -> None:
        """Now and then: note that the clock is right, and give up what nobody needs any more."""
        now = self._gateway.clock.now()
        moment = self.moment()
        if self._unknown:
            with suppress(StoreError):
                self.recall(await self._gateway.store.load_states())
        if self.gates() and (known := self._clock.news()):
            self._gateway.store.submit(Batch((), states=known))
        if now.boot_ms - self._tidied_ms < HOUR_MS or moment.now is None:
            return
        self._tidied_ms = now.boot_ms
        try:
            await self.book.purge(moment.now, moment.zone)
        except EdgeguardError as error:
            _log.warning("gate.purge", error=str(error))
        for zone in self._gateway.site.parking.zones:
            step = self.inside.sweep(zone.name, now)
            if step[1]:
                self.take_step(zone.name, step)
