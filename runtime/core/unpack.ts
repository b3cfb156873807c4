import type { Duplex } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";

/** By coding (RFC 9110 §8.4.1); each gives what it can of an end that is cut off. */
const UNPACKERS: Record<string, () => Duplex> = {
  gzip: () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
  "x-gzip": () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ finishFlush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
};

/**
 * At most `most` bytes of what the beginning of a packed body holds. `encoding` is its `content-encoding`. Bytes that are packed in a
 * way that is not known stay as they are; of those that are not packed as they say, nothing is left.
 */
export async function unpackHead(head: Buffer, encoding: string | undefined, most: number): Promise<Buffer> {
  const codings = (encoding ?? "").toLowerCase().split(",");
  let bytes = head;
  for (const coding of codings.map((one) => one.trim()).toReversed()) {
    const unpacker = UNPACKERS[coding]?.();
    if (unpacker) bytes = await unpackedBy(unpacker, bytes, most);
  }
  return bytes;
}

async function unpackedBy(unpacker: Duplex, packed: Buffer, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  unpacker.end(packed);
  try {
    for await (const piece of unpacker as AsyncIterable<Buffer>) {
      pieces.push(piece);
      size += piece.length;
      if (size >= most) break;
    }
  } catch {
    // It is not packed so.
  }
  return Buffer.concat(pieces).subarray(0, most);
}
