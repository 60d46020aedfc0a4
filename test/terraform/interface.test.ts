import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { clouds } from '../../.build/terraform/cloud.ts';
import { readmeOf, withInterface } from '../../.build/terraform/module-docs.ts';
import { readInterface } from '../../.build/terraform/module-interface.ts';
import { readObjectType } from '../../.build/terraform/object-type.ts';

const read = (cloud: string, file: string): string => readFileSync(`terraform/${cloud}/${file}`, 'utf8');

describe('the three modules', () => {
  test.for(clouds)('%s has the shared variables byte for byte', (cloud) => {
    expect(read(cloud, 'variables.tf')).toBe(read('aws', 'variables.tf'));
  });

  test.for(clouds)('%s has one object for what is particular to it', (cloud) => {
    const { inputs } = readInterface(`terraform/${cloud}`, [`variables.${cloud}.tf`]);
    expect(inputs.map(({ name, type }) => [name, type.slice(0, 7)])).toEqual([[cloud, 'object(']]);
  });

  test.for(clouds)('%s has the outputs of the others: their names and their types', (cloud) => {
    const outputs = (name: string): string[] =>
      readInterface(`terraform/${name}`, ['variables.tf']).outputs.map((output) => `${output.name}: ${output.type}`);
    expect(outputs(cloud)).toEqual(outputs('aws'));
    expect(outputs(cloud)).toContain('endpoint_url: string');
  });

  test.for(clouds)('the README of %s tells its inputs and outputs as they are (make terraform-docs)', (cloud) => {
    const readme = readFileSync(readmeOf('terraform', cloud), 'utf8');
    expect(readme).toBe(withInterface(readme, `terraform/${cloud}`, cloud));
  });
});

describe('a type of Terraform', () => {
  test('is told part by part, with defaults and comments', () => {
    const type = `object({
    # The domain.
    # In two lines.
    domain = optional(object({
      name = string
      ids  = optional(list(string), ["a", "b"]) # of it
    }))
    routes = list(object({
      priority = number # lowest first
    }))
    size = optional(number, 512)
  })`;
    expect(readObjectType(type)).toEqual([
      { path: 'domain', type: 'object', default: 'null', comment: 'The domain. In two lines.' },
      { path: 'domain.name', type: 'string', default: undefined, comment: '' },
      { path: 'domain.ids', type: 'list(string)', default: '["a", "b"]', comment: 'of it' },
      { path: 'routes', type: 'list(object)', default: undefined, comment: '' },
      { path: 'routes[].priority', type: 'number', default: undefined, comment: 'lowest first' },
      { path: 'size', type: 'number', default: '512', comment: '' },
    ]);
  });

  test.for(['string', 'map(string)', 'list(map(number))'])('%s has no parts', (type) => {
    expect(readObjectType(type)).toEqual([]);
  });

  test.for(['object({ a = string', 'object({ a string })', 'object({ a = optional(string })', 'list(%)'])(
    'that is not understood is an error: %s',
    (type) => {
      expect(() => readObjectType(type)).toThrow(TypeError);
    },
  );
});
