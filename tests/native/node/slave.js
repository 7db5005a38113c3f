// A Modbus slave on the Node.js library modbus-serial: somebody else's idea of the protocol.
// use: node slave.js tcp PORT UNIT | node slave.js rtu DEVICE UNIT
// Holding register a reads as 1000 + a until it is written; input register a as 2000 + a; coil a as a & 1, until written.
// Addresses from 500 on are refused.
"use strict";
const modbus = require("modbus-serial");
const [wire, place, unit] = process.argv.slice(2);
const registers = new Map();
const coils = new Map();

function within(address) {
  if (address >= 500) throw { modbusErrorCode: 0x02, msg: "no such address" };
}

const vector = {
  getHoldingRegister(address) { within(address); return registers.has(address) ? registers.get(address) : 1000 + address; },
  getInputRegister(address) { within(address); return 2000 + address; },
  getCoil(address) { within(address); return coils.has(address) ? coils.get(address) : (address & 1) === 1; },
  getDiscreteInput(address) { within(address); return (address & 1) === 0; },
  setRegister(address, value) { within(address); registers.set(address, value); },
  setCoil(address, value) { within(address); coils.set(address, value); },
};

const ready = () => console.log("ready");
if (wire === "tcp") {
  const server = new modbus.ServerTCP(vector, { host: "127.0.0.1", port: Number(place), unitID: Number(unit) });
  server.on("initialized", ready);
  server.on("socketError", () => {});
} else {
  const server = new modbus.ServerSerial(vector, { port: place, baudRate: 9600, unitID: Number(unit), openCallback: ready });
  server.on("socketError", () => {});
  server.on("error", (error) => { console.error(String(error)); process.exit(1); });
}
