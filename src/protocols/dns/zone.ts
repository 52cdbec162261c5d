// Zone data: the records a server answers from, and how a question finds them: NXDOMAIN against NODATA (RFC 2308),
// empty non-terminals (RFC 8020), wildcards (RFC 4592). No delegations: what lies below an origin is answered here.

import type { CaaRecord, MxRecord, SrvRecord, TlsaRecord } from '../../world/dns.ts'
import { canonicalName, parentName } from './name.ts'

export interface SoaRecord {
  readonly primary: string
  /** The mailbox as a name: hostmaster.example.test. */
  readonly responsible: string
  readonly serial: number
  readonly refreshS: number
  readonly retryS: number
  readonly expireS: number
  /** How long "no" may be remembered (RFC 2308 §4). */
  readonly minimumS: number
}

/** What a zone can hold. TXT: the whole value as bytes-in-latin1 text; it is cut into strings of 255 on the wire. */
export interface ZoneData {
  A: string
  AAAA: string
  CAA: CaaRecord
  CNAME: string
  MX: MxRecord
  NS: string
  PTR: string
  SOA: SoaRecord
  SRV: SrvRecord
  TLSA: TlsaRecord
  TXT: string
}
export type ZoneType = keyof ZoneData

export type ZoneRecord = {
  [Type in ZoneType]: {
    readonly name: string
    readonly type: Type
    readonly ttlS: number
    readonly data: ZoneData[Type]
  }
}[ZoneType]

export interface Zone {
  /** The name all records are at or below; '' is the root. */
  readonly origin: string
  readonly records: readonly ZoneRecord[]
  /** Answers carry the AD bit, as from a validating resolver: a signed zone in a simulation. */
  readonly authenticated?: boolean
}

/** What a zone says to a question. */
export type Finding =
  | { readonly status: 'records'; readonly records: readonly ZoneRecord[] }
  | { readonly status: 'no-data' | 'no-name'; readonly soa: ZoneRecord }

const defaultSoa = { serial: 1, refreshS: 3600, retryS: 600, expireS: 604_800, minimumS: 300 }

/** A zone made ready for questions. It may consist of parts, of which each can be replaced alone. */
class ZoneIndex {
  readonly zone: Zone
  readonly #origin: string
  readonly #byName = new Map<string, ZoneRecord[]>()
  /** Every name that exists, empty non-terminals included, and how many records make it exist. */
  readonly #names = new Map<string, number>()
  readonly #parts = new Map<string, readonly ZoneRecord[]>()
  readonly #soa: ZoneRecord

  constructor(zone: Zone) {
    this.zone = zone
    this.#origin = canonicalName(zone.origin)
    this.#names.set(this.#origin, 1)
    for (const record of zone.records) this.#add(record)
    const atOrigin = this.#byName.get(this.#origin) ?? []
    const soa = atOrigin.find((record) => record.type === 'SOA')
    this.#soa = soa ?? inventSoa(this.#origin, atOrigin)
    if (soa === undefined) this.#add(this.#soa)
  }

  /** These records in place of those that the part had before. */
  setPart(part: string, records: readonly ZoneRecord[]): void {
    for (const record of this.#parts.get(part) ?? []) this.#remove(record)
    for (const record of records) this.#add(record)
    this.#parts.set(part, records)
  }

  #add(record: ZoneRecord): void {
    const name = canonicalName(record.name)
    const known = this.#byName.get(name)
    if (known === undefined) this.#byName.set(name, [record])
    else known.push(record)
    this.#count(name, 1)
  }

  #remove(record: ZoneRecord): void {
    const name = canonicalName(record.name)
    const left = (this.#byName.get(name) ?? []).filter((one) => one !== record)
    if (left.length > 0) this.#byName.set(name, left)
    else this.#byName.delete(name)
    this.#count(name, -1)
  }

  /** Of the name, and of those above it. */
  #count(name: string, by: number): void {
    for (let at = name; at.length > this.#origin.length; at = parentName(at)) {
      const count = (this.#names.get(at) ?? 0) + by
      if (count > 0) this.#names.set(at, count)
      else this.#names.delete(at)
    }
  }

  find(name: string, type: string): Finding {
    const here = this.#byName.get(name) ?? this.#wildcard(name)
    if (here === undefined) return { status: this.#names.has(name) ? 'no-data' : 'no-name', soa: this.#soa }
    const found = here.filter((record) => record.type === type)
    const records = found.length > 0 ? found : here.filter((record) => record.type === 'CNAME')
    return records.length > 0 ? { status: 'records', records } : { status: 'no-data', soa: this.#soa }
  }

  /** RFC 4592 §3.3.1: the asterisk directly below the closest name that exists answers for what does not. */
  #wildcard(name: string): ZoneRecord[] | undefined {
    if (this.#names.has(name)) return undefined
    let encloser = parentName(name)
    while (encloser !== '' && !this.#names.has(encloser)) encloser = parentName(encloser)
    const records = this.#byName.get(encloser === '' ? '*' : `*.${encloser}`)
    return records?.map((record) => ({ ...record, name }))
  }
}

/** The zones of a server. They may be replaced while it runs. */
export class ZoneTable {
  readonly #zones = new Map<string, ZoneIndex>()
  /** How often they were changed: what was made of them before holds no more. */
  changes = 0

  constructor(zones: readonly Zone[] = []) {
    for (const zone of zones) this.set(zone)
  }

  /** Adds the zone, or replaces the one of the same origin. */
  set(zone: Zone): void {
    this.#zones.set(canonicalName(zone.origin), new ZoneIndex(zone))
    this.changes++
  }

  /** Replaces a part of the zone of this origin, which is there. */
  setPart(origin: string, part: string, records: readonly ZoneRecord[]): void {
    this.#zones.get(canonicalName(origin))?.setPart(part, records)
    this.changes++
  }

  remove(origin: string): void {
    this.#zones.delete(canonicalName(origin))
    this.changes++
  }

  /** The zone with the longest origin at or above a canonical name, asked; undefined when none is ours. */
  find(name: string, type: string): (Finding & { readonly authenticated: boolean }) | undefined {
    for (let at = name; ; at = parentName(at)) {
      const index = this.#zones.get(at)
      if (index !== undefined) return { ...index.find(name, type), authenticated: index.zone.authenticated === true }
      if (at === '') return undefined
    }
  }
}

function inventSoa(origin: string, atOrigin: readonly ZoneRecord[]): ZoneRecord {
  const server = atOrigin.find((record) => record.type === 'NS')
  const primary = server?.type === 'NS' ? server.data : origin
  const responsible = origin === '' ? 'hostmaster' : `hostmaster.${origin}`
  return { name: origin, type: 'SOA', ttlS: 300, data: { primary, responsible, ...defaultSoa } }
}
