import type { TableClient, TableEntityResult } from '@azure/data-tables';
import type { SdkOptions } from './attempt.ts';

export interface TableQuery {
  /** OData, values put in by the `odata` tag only. */
  readonly filter: string;
  /** Properties to send; default all. */
  readonly select?: string[];
  /** Rows at most, 1 to 1,000. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly from: string | undefined;
}

/** Asks for one page of rows: one call. May be empty although there is a `next`. */
export async function queryPage<Row extends object>(
  table: TableClient,
  { filter, select, limit, from }: TableQuery,
  sdk: SdkOptions,
): Promise<{ readonly rows: readonly TableEntityResult<Row>[]; readonly next: string | undefined }> {
  const pages = table
    .listEntities<Row>({ ...sdk, queryOptions: select === undefined ? { filter } : { filter, select } })
    .byPage(from === undefined ? { maxPageSize: limit } : { maxPageSize: limit, continuationToken: from });
  for await (const page of pages) return { rows: page, next: page.continuationToken };
  return { rows: [], next: undefined };
}
