// node:string_decoder in a browser, for iconv-lite: text that comes in pieces.

const PIECES: Readonly<Record<string, string>> = {
  utf8: 'utf-8',
  'utf-8': 'utf-8',
  utf16le: 'utf-16le',
  ucs2: 'utf-16le',
}

export class StringDecoder {
  readonly #encoding: BufferEncoding
  readonly #decoder: TextDecoder | undefined

  constructor(encoding: BufferEncoding) {
    this.#encoding = encoding
    const name = PIECES[encoding.toLowerCase()]
    this.#decoder = name === undefined ? undefined : new TextDecoder(name, { ignoreBOM: true })
  }

  write(bytes: Buffer): string {
    return this.#decoder?.decode(bytes, { stream: true }) ?? bytes.toString(this.#encoding)
  }

  end(): string {
    return this.#decoder?.decode() ?? ''
  }
}
