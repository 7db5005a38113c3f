// The rows of a Parquet file as JSON, read by hyparquet: node read_parquet.mjs FILE
import { gunzipSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';

const file = await asyncBufferFromFile(process.argv[2]);
const compressors = { GZIP: (data) => new Uint8Array(gunzipSync(data)) };
const { element, children } = parquetSchema(await parquetMetadataAsync(file));
const columns = children.map(({ element: { name, logical_type: kind } }) => [name, kind?.type ?? null, kind?.unit ?? null]);
const told = (_, value) => (typeof value === 'bigint' ? String(value) : value);
process.stdout.write(JSON.stringify({ root: element.name, columns, rows: await parquetReadObjects({ file, compressors }) }, told));
