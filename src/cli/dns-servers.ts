// A name server as it is named on the command line.

import { isIp } from '../message/ip.ts'
import type { Endpoint } from '../world/network.ts'

/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`. */
export function serverAt(text: string): { servers: Endpoint[] } | undefined {
  const parts = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [text, text]
  const [, address, port] = parts
  return address !== undefined && isIp(address) ? { servers: [{ address, port: Number(port ?? 53) }] } : undefined
}
